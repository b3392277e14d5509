"""What this machine is, in the words of a target file.

this_arch()   # "x86_64"
"""

from __future__ import annotations

import platform
from pathlib import Path

_ARCHES = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "armv8l": "armv7",  # a 32-bit system on a 64-bit core
    "armv7l": "armv7",
    "armv6l": "armv6",
}
_CPUINFO = Path("/proc/cpuinfo")


def arch_of(uname_machine: str) -> str:
    """The architecture that `uname -m` names."""
    return _ARCHES.get(uname_machine.strip().lower(), "other")


def this_arch() -> str:
    """The architecture of this machine."""
    return arch_of(platform.machine())


def this_isa() -> str:
    """The kernels' instruction set that a native build gets here."""
    arch = this_arch()
    if arch == "x86_64":
        return "avx2" if _has_avx2() else "scalar64"
    return {"aarch64": "neon64", "armv7": "neon32", "armv6": "scalar32"}.get(arch, "scalar64")


def _has_avx2() -> bool:
    try:
        return " avx2 " in _CPUINFO.read_text().replace("\n", " ")
    except OSError:  # no Linux: the scalar kernels run on any CPU
        return False
