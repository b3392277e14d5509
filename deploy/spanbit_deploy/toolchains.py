"""Finds a compiler for a target and builds the runner with it, once for each content.

runner = build_runner(load_target("rpi4"))   # Path of a static spb_runner
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from spanbit.cbuild import POOL_FLAGS, build, include_dirs, runner_sources, runtime_sources
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target, Toolchain, installed_toolchain

RUNNER_NAME = "spb_runner"

# Pushed to many boards at once, it is built by the first and found by the others.
_one_at_a_time = threading.Lock()


def find_toolchain(target: Target) -> Toolchain:
    """The first of the target's toolchains that is installed.

    Raises:
        SpanbitError: TOOLCHAIN: none is; all are named, with how to get them.
    """
    toolchain = installed_toolchain(target)
    if toolchain is not None:
        return toolchain
    tried = ", ".join(_command_text(toolchain) for toolchain in target.toolchains)
    raise SpanbitError(
        f"no compiler for {target.name} is installed",
        why=f"tried: {tried}",
        fix="one of: " + "; ".join(toolchain.install for toolchain in target.toolchains),
        code=ExitCode.TOOLCHAIN,
    )


def build_runner(target: Target) -> Path:
    """The runner for this target, from the build cache or built now.

    Raises:
        SpanbitError: TOOLCHAIN: no compiler, or it refuses the code; USAGE: the runner is a program for
            Linux, which the board has not.
    """
    if target.is_firmware:
        raise SpanbitError(
            f"the runner cannot run on {target.name}",
            why=f"{target.board} has no operating system",
            fix=f"make C files for it: spanbit export MODEL.spb --target {target.name} -o FOLDER",
            code=ExitCode.USAGE,
        )
    toolchain = find_toolchain(target)
    with _one_at_a_time:
        return build(
            (*toolchain.command, *toolchain.flags, *POOL_FLAGS),
            (*runtime_sources(), *runner_sources()),
            include=include_dirs(),
            output_name=RUNNER_NAME,
        )


def _command_text(toolchain: Toolchain) -> str:
    return " ".join("python" if part == sys.executable else part for part in toolchain.command)
