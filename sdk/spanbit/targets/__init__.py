"""Boards that can be compiled for: one TOML file each, in `targets/` or the user's own.

target = load_target("rpi4")  # or load_target("./myboard.toml")
target.isa                    # "neon64"
"""

from spanbit.targets.load import list_targets, load_target
from spanbit.targets.types import ARCHES, ISAS, Cost, Target, Toolchain

__all__ = ["ARCHES", "ISAS", "Cost", "Target", "Toolchain", "list_targets", "load_target"]
