"""Whether the times of a run count: a board's state before, while and after it.

conditions = judge(read_state(board), parse_states(samples), read_state(board))
waited_s = wait_until_cool(board, 55, watcher)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.state.readings import SYSFS, State, read_state
from spanbit_deploy.state.throttling import SINCE_BOOT, now_words
from spanbit_deploy.transports import Transport
from spanbit_deploy.watcher import Watcher


@dataclass(frozen=True)
class Conditions:
    """States before, while and after a run, and whether its times count."""

    before: State
    during: tuple[State, ...]
    after: State
    waited_s: float  # until the board was cool enough
    problems: tuple[str, ...]  # any of them makes the run invalid
    notes: tuple[str, ...]  # what the reader should know

    @property
    def valid(self) -> bool:
        return not self.problems


def judge(before: State, during: Sequence[State], after: State, waited_s: float = 0.0) -> Conditions:
    """Whether the times of a run between these states count."""
    problems = []
    states = (before, *during, after)
    now = 0
    for state in states:
        now |= state.throttled or 0
    sticky = (after.throttled or 0) & ~(before.throttled or 0)
    if kinds := now_words(now | sticky >> SINCE_BOOT):
        problems.append(f"the board throttled ({', '.join(kinds)}): cool it, or give it a stronger supply")
    notes = [
        f"{name} is governed by {governor!r}: times vary with the load before; "
        f"`performance` holds the frequency"
        for name, governor in after.governor.items()
        if governor != "performance"
    ]
    for name, most in _highest(states).items():
        least = min(state.frequency_mhz[name] for state in states if name in state.frequency_mhz)
        if after.governor.get(name) == "performance" and least < 0.95 * most:
            problems.append(f"{name} fell from {most:.0f} to {least:.0f} MHz though it should hold its speed")
    return Conditions(before, tuple(during), after, waited_s, tuple(problems), tuple(notes))


def wait_until_cool(
    board: Transport, below_c: float, watcher: Watcher, *, timeout_s: float = 600, pause_s: float = 2
) -> float:
    """Seconds that it took until no zone is hotter than `below_c`.

    Raises:
        SpanbitError: BOARD: it has no thermometer; TIMEOUT: it stays hot.
    """
    begin = time.monotonic()
    while True:
        hottest = read_state(board).hottest_c
        if hottest is None:
            raise board.failure("this board tells no temperature", where=SYSFS, fix="leave out --cool-below")
        waited = time.monotonic() - begin
        if hottest <= below_c:
            return waited
        if waited > timeout_s:
            raise SpanbitError(
                f"the board is still at {hottest:.1f} degrees after {timeout_s:g} s",
                where=board.name,
                why=f"--cool-below {below_c:g} was asked for",
                fix="cool it, or ask for a higher temperature",
                code=ExitCode.TIMEOUT,
            )
        watcher.stage(f"waiting for {below_c:g} degrees, now {hottest:.1f}")
        time.sleep(pause_s)


def _highest(states: Sequence[State]) -> dict[str, float]:
    highest: dict[str, float] = {}
    for state in states:
        for name, value in state.frequency_mhz.items():
            highest[name] = max(value, highest.get(name, 0.0))
    return highest
