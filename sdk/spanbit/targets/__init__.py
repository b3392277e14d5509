"""Boards that can be compiled for: one TOML file each, in `targets/` or the user's own.

target = load_target("rpi4")  # or load_target("./myboard.toml")
target.isa                    # "neon64"

A file of the user's own may say `extends = "rpi4"` and only what differs; `spanbit tune` writes such files.
"""

from spanbit.targets.installed import installed_toolchain, is_installed
from spanbit.targets.load import check_name, list_targets, load_target
from spanbit.targets.types import (
    ARCHES,
    INSTRUCTION_CLASSES,
    ISAS,
    NO_OS,
    NS,
    Cost,
    CycleModel,
    Target,
    Toolchain,
    word_bytes,
)

__all__ = [
    "ARCHES",
    "INSTRUCTION_CLASSES",
    "ISAS",
    "NO_OS",
    "NS",
    "Cost",
    "CycleModel",
    "Target",
    "Toolchain",
    "check_name",
    "installed_toolchain",
    "is_installed",
    "list_targets",
    "load_target",
    "word_bytes",
]
