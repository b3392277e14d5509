"""A board's readings: temperatures, frequencies, governors, watts, throttling, load.

state = read_state(board)                             # State; empty where a board tells nothing
command = watched(command, "folder/samples", 2)       # the same command; states go to the file meanwhile
states = parse_states(board.get("folder/samples"))

Read from Linux' own files below /sys (kernel 4.3 and later), and from a Raspberry Pi's `vcgencmd` where it is
installed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spanbit_deploy.state.throttling import throttled_bits
from spanbit_deploy.transports import Transport

# $1: where sysfs is. A line a reading; values may not be trusted, parse_states checks them.
SHELL_READINGS = """
spb_state() {
  for z in "$1"/class/thermal/thermal_zone*; do
    [ -r "$z/temp" ] && echo "temperature $(sed 's/ /_/g' "$z/type") $(cat "$z/temp")"
  done
  for p in "$1"/devices/system/cpu/cpufreq/policy*; do
    [ -r "$p/scaling_cur_freq" ] && echo "frequency ${p##*/} $(cat "$p/scaling_cur_freq")"
    [ -r "$p/scaling_governor" ] && echo "governor ${p##*/} $(cat "$p/scaling_governor")"
  done
  for h in "$1"/class/hwmon/hwmon*; do
    [ -r "$h/power1_input" ] && echo "power $(sed 's/ /_/g' "$h/name") $(cat "$h/power1_input")"
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


def read_state(board: Transport, sysfs: str = SYSFS) -> State:
    """One reading."""
    done = board.run(("sh", "-c", f'{SHELL_READINGS}spb_state "$1"', "sh", sysfs), timeout=10)
    return next(iter(parse_states(done.stdout)), State())


def watched(command: Sequence[str], path: str, pause_s: int, sysfs: str = SYSFS) -> tuple[str, ...]:
    """The command, with a state written to `path` on the board every `pause_s` seconds while it runs."""
    return ("sh", "-c", SHELL_READINGS + _WATCHED, "sh", path, str(pause_s), sysfs, *command)


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


def _with(now: State, kind: str, name: str, value: float) -> State:
    match kind:
        case "temperature":
            # Millidegrees; of two zones that have one name the hotter.
            now.temperature_c[name] = max(value / 1000, now.temperature_c.get(name, -300.0))
        case "frequency":
            now.frequency_mhz[name] = value / 1000  # kHz
        case "power":
            # Microwatts; two sensors of one name see two parts of the board.
            now.power_w[name] = value / 1e6 + now.power_w.get(name, 0.0)
        case "load":
            return replace(now, load=value)
    return now


def _plain(text: str) -> str:
    return "".join(c for c in text[:40] if c.isprintable())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e15 else None
