"""What `--on` names: how to get there, and which target the runner must be built for.

with open_place("ssh://pi@raspberrypi.local") as board:
    choice = choose_target("ssh://...", board, bundle_target="rpi4", wanted=None)
    check_arch(board, choice.target)
"""

from __future__ import annotations

from dataclasses import dataclass

from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target, list_targets, load_target

from spanbit_deploy.transports import Ask, Emulated, Local, Ssh, Transport, settings_of

PLACES = "host | emulated:TARGET | ssh://USER@HOST[:PORT] | board[:NAME] (the virtual board)"
_BY_ARCH = {"aarch64": "generic-aarch64", "armv7": "rpi2", "armv6": "rpi-zero", "x86_64": "host"}
_BOARD_CPUS = ("cortex-a72", "cortex-a53", "armv8-a")  # the virtual board is an A72: no newer code runs there


@dataclass(frozen=True)
class TargetChoice:
    """A target, and a word on it where it is not the one that the user would expect."""

    target: Target
    message: str = ""


def open_place(on: str, *, accept_host_key: str = "", ask: Ask | None = None) -> Transport:
    """The transport to it, not yet connected; `ask` asks the user for a password, where somebody sits there.

    Raises:
        SpanbitError: USAGE: no such place.
    """
    kind, _, rest = on.partition(":")
    if accept_host_key and not on.startswith("ssh://"):
        raise SpanbitError(
            "--accept-host-key is for ssh:// only", where=on, fix="leave it out", code=ExitCode.USAGE
        )
    if on == "host":
        return Local()
    if on == "board" or (kind == "board" and rest):
        from spanbit_deploy.board import board_settings

        return Ssh(board_settings(rest))
    if kind == "emulated" and rest:
        return Emulated(load_target(rest))
    if on.startswith("ssh://"):
        return Ssh(settings_of(on, accept_host_key=accept_host_key, ask=ask))
    raise SpanbitError(f"no place {on!r} to run on", fix=f"use {PLACES}", code=ExitCode.USAGE)


def choose_target(on: str, board: Transport, *, bundle_target: str, wanted: str | None) -> TargetChoice:
    """The target to build the runner for: what the user wants, else what fits the place and the bundle."""
    if wanted:
        return TargetChoice(load_target(wanted))
    if on == "host":
        return TargetChoice(load_target("host"))
    if on.startswith("emulated:"):
        return TargetChoice(load_target(on.partition(":")[2]))
    own = load_target(bundle_target) if bundle_target in list_targets() else None
    if on.partition(":")[0] == "board":
        if own is not None and own.arch == "aarch64" and own.cpu in _BOARD_CPUS:
            return TargetChoice(own)
        return _instead("generic-aarch64", bundle_target, "the virtual board is a Cortex-A72")
    arch = board.arch()
    # A `host` build takes all that this machine's CPU has; a board of the same family may have less.
    if own is not None and own.arch == arch and own.name != "host":
        return TargetChoice(own)
    return _instead(generic_target(board).name, bundle_target, f"the board is {arch}")


def generic_target(board: Transport) -> Target:
    """The target that runs on any board of this one's architecture.

    Raises:
        SpanbitError: BOARD: none does.
    """
    arch = board.arch()
    if arch not in _BY_ARCH:
        raise board.failure(
            "no target fits the board's architecture",
            why=f"`uname -m` there says {board.run(('uname', '-m')).text.strip()[:40]!r}",
            fix="write a target file for it (docs/boards.md) and name it with --target FILE.toml",
        )
    return load_target(_BY_ARCH[arch])


def check_arch(board: Transport, target: Target) -> None:
    """Raises SpanbitError BOARD where a runner for `target` cannot run there."""
    arch = board.arch()
    if arch != target.arch:
        fitting = _BY_ARCH.get(arch)
        raise board.failure(
            f"the board is {arch}, {target.name} is {target.arch}",
            why=f"a runner built for {target.name} does not run there",
            fix=f"use --target {fitting}" if fitting else "write a target file for it: docs/boards.md",
        )


def _instead(name: str, bundle_target: str, why: str) -> TargetChoice:
    message = f"{why}: the runner is built for {name}, the bundle was compiled for {bundle_target}"
    return TargetChoice(load_target(name), message)
