"""Commands of spanbit_deploy, found by the entry points `spanbit.commands` (pyproject.toml).

spanbit profile demo.spb --on ssh://pi@raspberrypi.local
"""

from spanbit_deploy.cli.board import board
from spanbit_deploy.cli.compare import compare
from spanbit_deploy.cli.doctor import doctor
from spanbit_deploy.cli.execute import run
from spanbit_deploy.cli.profile import profile
from spanbit_deploy.cli.releases import activate, push, releases, remove, rollback
from spanbit_deploy.cli.report import html, markdown
from spanbit_deploy.cli.sign import keygen, sign, trust
from spanbit_deploy.cli.tune import tune
from spanbit_deploy.cli.verify import verify

__all__ = [
    "activate",
    "board",
    "compare",
    "doctor",
    "html",
    "keygen",
    "markdown",
    "profile",
    "push",
    "releases",
    "remove",
    "rollback",
    "run",
    "sign",
    "trust",
    "tune",
    "verify",
]
