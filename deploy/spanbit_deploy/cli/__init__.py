"""Commands of spanbit_deploy, found by the entry points `spanbit.commands` (pyproject.toml).

spanbit profile demo.spb --on ssh://pi@raspberrypi.local
"""

from spanbit_deploy.cli.board import board
from spanbit_deploy.cli.compare import compare
from spanbit_deploy.cli.doctor import doctor
from spanbit_deploy.cli.execute import run
from spanbit_deploy.cli.profile import profile
from spanbit_deploy.cli.report import html, markdown
from spanbit_deploy.cli.tune import tune
from spanbit_deploy.cli.verify import verify

__all__ = ["board", "compare", "doctor", "html", "markdown", "profile", "run", "tune", "verify"]
