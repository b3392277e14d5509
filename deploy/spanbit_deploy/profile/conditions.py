"""What state a board is in: temperatures, frequencies, throttling, load, watts.

state = read_state(board)                             # State; empty where a board tells nothing
command = watched(command, "folder/samples", 2)       # the same command; states go to the file meanwhile
states = parse_states(board.get("folder/samples"))

Read from Linux' own files below /sys by a few lines of POSIX shell, and from a Raspberry Pi's `vcgencmd`
where it is installed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.throttling import SINCE_BOOT, now_words, throttled_bits
from spanbit_deploy.transports import Transport
from spanbit_deploy.watcher import Watcher

# $1: where sysfs is. A line a reading; values may not be trusted, parse_states checks them.
_STATE = """
spb_state() {
  for z in "$1"/class/thermal/thermal_zone*; do
    [ -r "$z/temp" ] && echo "temperature $(tr ' ' _ <"$z/type") $(cat "$z/temp")"
  done
  for p in "$1"/devices/system/cpu/cpufreq/policy*; do
    [ -r "$p/scaling_cur_freq" ] && echo "frequency ${p##*/} $(cat "$p/scaling_cur_freq")"
    [ -r "$p/scaling_governor" ] && echo "governor ${p##*/} $(cat "$p/scaling_governor")"
  done
  for h in "$1"/class/hwmon/hwmon*; do
    [ -r "$h/power1_input" ] && echo "power $(tr ' ' _ <"$h/name") $(cat "$h/power1_input")"
  done
  command -v vcgencmd >/dev/null && echo "throttled vcgencmd $(vcgencmd get_throttled)"
  [ -r /proc/loadavg ] && read -r load rest </proc/loadavg && echo "load 1min $load"
  echo end
}
"""
# The sampler ends with the command's shell, also where that is killed: it asks for it before each sleep.
_WATCHED = """
file=$1 pause=$2 sys=$3; shift 3
: >"$file"
(while kill -0 "$$" 2>/dev/null; do spb_state "$sys"; sleep "$pause"; done >>"$file" 2>/dev/null) &
sampler=$!
"$@"
code=$?
kill "$sampler" 2>/dev/null
exit "$code"
"""
SYSFS = "/sys"


@dataclass(frozen=True)
class State:
    """Readings of one moment, by the name that the board gives them."""

    temperature_c: dict[str, float] = field(default_factory=dict)
    frequency_mhz: dict[str, float] = field(default_factory=dict)
    governor: dict[str, str] = field(default_factory=dict)
    power_w: dict[str, float] = field(default_factory=dict)
    throttled: int | None = None  # the bits of vcgencmd; None: not a Raspberry Pi
    load: float | None = None  # runnable processes, mean over a minute

    @property
    def hottest_c(self) -> float | None:
        """The highest temperature, of any zone."""
        return max(self.temperature_c.values(), default=None)


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


def read_state(board: Transport, sysfs: str = SYSFS) -> State:
    """One reading."""
    done = board.run(("sh", "-c", f'{_STATE}spb_state "$1"', "sh", sysfs), timeout=10)
    return next(iter(parse_states(done.stdout)), State())


def watched(command: Sequence[str], path: str, pause_s: int, sysfs: str = SYSFS) -> tuple[str, ...]:
    """The command, with a state written to `path` on the board every `pause_s` seconds while it runs."""
    return ("sh", "-c", _STATE + _WATCHED, "sh", path, str(pause_s), sysfs, *command)


def parse_states(data: bytes) -> tuple[State, ...]:
    """States that were read whole; a line that is not understood is left out."""
    states: list[State] = []
    now = State()
    for line in data.decode(errors="replace").splitlines():
        if line == "end":
            states.append(now)
            now = State()
        match line.split():
            case ["governor", name, value]:
                now.governor[_plain(name)] = _plain(value)
            case ["throttled", _, value] if (bits := throttled_bits(value)) is not None:
                now = replace(now, throttled=bits)
            case [kind, name, value] if (number := _number(value)) is not None:
                now = _with(now, kind, _plain(name), number)
    return tuple(states)


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


def _with(now: State, kind: str, name: str, value: float) -> State:
    match kind:
        case "temperature":
            now.temperature_c[name] = value / 1000  # millidegrees
        case "frequency":
            now.frequency_mhz[name] = value / 1000  # kHz
        case "power":
            now.power_w[name] = value / 1e6  # microwatts
        case "load":
            return replace(now, load=value)
    return now


def _highest(states: Sequence[State]) -> dict[str, float]:
    highest: dict[str, float] = {}
    for state in states:
        for name, value in state.frequency_mhz.items():
            highest[name] = max(value, highest.get(name, 0.0))
    return highest


def _plain(text: str) -> str:
    return "".join(c for c in text[:40] if c.isprintable())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None
