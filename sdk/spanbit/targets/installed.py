"""Which of a target's toolchains this machine has.

toolchain = installed_toolchain(load_target("rpi4"))     # None: no compiler for it is here
"""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec

from spanbit.targets.types import Target, Toolchain


def is_installed(toolchain: Toolchain) -> bool:
    """Whether its command can be started (`python -m MODULE` needs the module)."""
    command = toolchain.command
    if command[0] == sys.executable and command[1:2] == ("-m",) and len(command) > 2:
        return find_spec(command[2].partition(".")[0]) is not None
    return shutil.which(command[0]) is not None


def installed_toolchain(target: Target, name: str = "") -> Toolchain | None:
    """The first that is installed, of those called `name` where one is given."""
    return next(
        (known for known in target.toolchains if name in ("", known.name) and is_installed(known)), None
    )
