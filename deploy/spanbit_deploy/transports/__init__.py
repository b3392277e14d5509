"""Ways to a board: this machine, this machine with an emulator, SSH. All have the same four verbs.

with Ssh(settings) as board:      # connect
    board.put(data, ".spanbit/demo/x")
    done = board.run(("sha256sum", ".spanbit/demo/x"))
"""

from spanbit_deploy.transports.base import OUTPUT_MAX, Result, Transport
from spanbit_deploy.transports.local import Emulated, Local
from spanbit_deploy.transports.ssh import Ssh
from spanbit_deploy.transports.ssh_settings import Ask, SshSettings, settings_of

__all__ = [
    "OUTPUT_MAX",
    "Ask",
    "Emulated",
    "Local",
    "Result",
    "Ssh",
    "SshSettings",
    "Transport",
    "settings_of",
]
