"""Programs of this machine that may be missing, and the Debian packages that hold them.

missing_tools({"qemu-system-aarch64": "qemu-system-arm"})
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping


def missing_tools(tools: Mapping[str, str]) -> list[str]:
    """Those of `tools` (program: package) that are not installed."""
    return [program for program in tools if shutil.which(program) is None]


def apt_line(tools: Mapping[str, str], missing: list[str]) -> str:
    """The command that installs them."""
    return "apt install " + " ".join(dict.fromkeys(tools[program] for program in missing))
