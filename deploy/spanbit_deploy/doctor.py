"""What is installed and what is missing, with the way to get it.

findings = examine()
all(finding.ok for finding in findings if finding.needed)
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from spanbit.errors import SpanbitError
from spanbit.targets import list_targets, load_target

from spanbit_deploy.board.machine import TOOLS as BOARD_TOOLS
from spanbit_deploy.board.packages import TOOLS as IMAGE_TOOLS
from spanbit_deploy.toolchains import find_toolchain
from spanbit_deploy.tools import apt_line, missing_tools

_PACKAGES = ("numpy", "scipy", "click", "rich", "cffi", "paramiko", "platformdirs")
_TRAINING = {"torch": "torch", "scikit-learn": "sklearn"}
_NEEDED_TARGETS = ("host", "rpi4")  # the runtime in Python, and the board of the README
_EMULATORS = {"qemu-aarch64": "qemu-user", "qemu-arm": "qemu-user"}


@dataclass(frozen=True)
class Finding:
    """One thing: is it there, and how to get it. `needed`: training, compiling and running fail without."""

    group: str
    name: str
    ok: bool
    detail: str
    fix: str
    needed: bool


def examine() -> tuple[Finding, ...]:
    """Looks at everything; installs nothing."""
    return (*_python(), *_toolchains(), *_emulation(), *_datasets())


def _python() -> list[Finding]:
    number = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 10)
    found = [Finding("python", "python", fine, number, "" if fine else "install Python 3.10 or newer", True)]
    for name in (*_PACKAGES, *_TRAINING):
        training = name in _TRAINING
        fix = "pip install 'spanbit[train]'" if training else f"pip install {name}"
        try:
            found.append(Finding("python", name, True, version(name), "", True))
        except PackageNotFoundError:
            found.append(Finding("python", name, False, "not installed", fix, True))
    return found


def _toolchains() -> list[Finding]:
    found = []
    for name in list_targets():
        needed = name in _NEEDED_TARGETS
        try:
            toolchain = find_toolchain(load_target(name))
            found.append(Finding("compiler", name, True, toolchain.name, "", needed))
        except SpanbitError as error:
            found.append(Finding("compiler", name, False, error.what, error.fix, needed))
    return found


def _emulation() -> list[Finding]:
    found = []
    for name, tools in (
        ("--on emulated:TARGET", _EMULATORS),
        ("--on board", BOARD_TOOLS),
        ("building the virtual board", IMAGE_TOOLS),
    ):
        missing = missing_tools(tools)
        detail = f"missing: {', '.join(missing)}" if missing else ", ".join(tools)
        found.append(
            Finding(
                "emulation", name, not missing, detail, apt_line(tools, missing) if missing else "", False
            )
        )
    return found


def _datasets() -> list[Finding]:
    digits = find_spec("sklearn") is not None
    found = [
        Finding(
            *("data", "digits", digits, "comes with scikit-learn" if digits else "scikit-learn is missing"),
            *("" if digits else "pip install 'spanbit[train]'", True),
        )
    ]
    if find_spec("torch") is None:  # spanbit.nn cannot say where it looks
        return found
    from spanbit.nn.data import default_folder

    place = default_folder("fashion-mnist")
    there = place.is_dir()
    fix = "" if there else "apt install dataset-fashion-mnist (non-free), or name a folder that holds it"
    detail = str(place) if there else f"not in {place}"
    return [*found, Finding("data", "fashion-mnist", there, detail, fix, False)]
