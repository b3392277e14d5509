"""What a board is: read there with a POSIX shell, changing nothing.

facts = probe(board)
facts.model, facts.cores, facts.governor, facts.perf

Whether its kernel gives a user performance counters, only a program can ask: a runner that a push has left
there does. Without one it is not known, and the sysctl is all that can be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

from spanbit.targets.machine import arch_of

from spanbit_deploy.release.layout import board_dir
from spanbit_deploy.state.readings import SHELL_READINGS, State, parse_states
from spanbit_deploy.state.throttling import now_words, since_boot_words
from spanbit_deploy.transports import Transport

# Prints `key value` a line, then the readings; what a board does not have is left out. $1: the root of /proc
# and /sys (tests have another), $2: our folder.
_FACTS = r"""
r=$1
say() { [ -n "$2" ] && echo "$1 $2"; }
one() { head -n 1 "$1" 2>/dev/null; }
first() { echo "$1"; }
model=$r/proc/device-tree/model  # it ends with a 0
say model "$({ tr -d '\000' < "$model" || cat "$model"; } 2>/dev/null | head -n 1)"
say machine "$(uname -m)"
say kernel "$(uname -sr)"
say system "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\).*/\1/p' "$r/etc/os-release" 2>/dev/null | head -n 1)"
say elf "$(first $(od -An -tu1 -j4 -N1 "$r/bin/sh" 2>/dev/null))"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
for f in "$r"/lib/ld-musl-*.so.1; do [ -e "$f" ] && say musl "$("$f" 2>&1 | sed -n 's/^Version //p')"; done
for f in "$r"/lib/ld-linux* "$r"/lib64/ld-linux*; do
    [ -e "$f" ] || continue
    say loader "${f##*/}"
    say loader_version "$("$f" --version 2>/dev/null | sed -n 's/.*release version \([0-9.]*[0-9]\).*/\1/p')"
done
grep -iE '^(features|flags)' "$r/proc/cpuinfo" 2>/dev/null | head -n 1 | sed 's/^[^:]*:/features/'
grep -iE '^(cpu part|model name)' "$r/proc/cpuinfo" 2>/dev/null | sed 's/^[^:]*:/core/'
say cores "$(grep -c '^processor' "$r/proc/cpuinfo" 2>/dev/null)"
for p in "$r"/sys/devices/system/cpu/cpufreq/policy*; do
    range="$(one "$p/cpuinfo_min_freq") $(one "$p/cpuinfo_max_freq")"
    [ "$range" = " " ] || say clock_range "${p##*/} $range $(one "$p/related_cpus")"
done
say ram_kib "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' "$r/proc/meminfo")"
say ram_free_kib "$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' "$r/proc/meminfo")"
d=$2; [ -d "$d" ] || d=.
df -Pk "$d" 2>/dev/null | tail -n 1 | { read -r _ _ _ free _; say disk_free_kib "$free"; }
say perf "$(one "$r/proc/sys/kernel/perf_event_paranoid")"
say clock "$(one "$r/sys/devices/system/clocksource/clocksource0/current_clocksource")"
for f in "$2"/*/current/spb_runner "$2"/*/releases/*/spb_runner; do
    [ -x "$f" ] && said=$("$f" --counters 2>/dev/null) && say counters "$said" && break
done
for p in sha256sum ssh-keygen; do command -v $p > /dev/null && say tool $p; done
say uid "$(id -u)"
echo readings
spb_state "$r/sys"
"""
_CORES = {  # "CPU part" of ARM's own cores
    "0xb76": "ARM1176",
    "0xc07": "Cortex-A7",
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd41": "Cortex-A78",
}


@dataclass(frozen=True)
class Clock:
    """A group of cores that share a frequency: a cpufreq policy. None and "": it does not say."""

    name: str
    cores: str  # "0 1 2 3"
    governor: str
    mhz: float | None  # now
    mhz_min: float | None
    mhz_max: float | None


@dataclass(frozen=True)
class BoardFacts:
    """What was found; "", None or () where the board does not say."""

    model: str
    arch: str
    machine: str
    kernel: str
    system: str
    userland_bits: int | None
    libc: str
    features: tuple[str, ...]
    cores: int | None
    core_types: Mapping[str, int]  # how many of each
    clocks: tuple[Clock, ...]  # one for each group of cores that share one
    state: State
    ram_kib: int | None
    ram_free_kib: int | None
    disk_free_kib: int | None
    counters: tuple[str, ...] | None  # that its kernel gives us; None: it could not be asked
    counters_absent: str  # why not all of them
    perf_paranoid: int | None
    clock_source: str
    tools: tuple[str, ...]
    is_root: bool

    @property
    def neon(self) -> bool:
        """Vectors of 128 bits."""
        return bool({"asimd", "neon"} & set(self.features))

    @property
    def dotprod(self) -> bool:
        """Dot products of int8."""
        return "asimddp" in self.features

    @property
    def fp16(self) -> bool:
        """Arithmetic of half precision."""
        return "asimdhp" in self.features

    @property
    def perf(self) -> bool | None:
        """Whether our program may count instructions there; None: it could not be asked."""
        return None if self.counters is None else "instructions" in self.counters

    @property
    def governor(self) -> str:
        """Of all clocks; "" where it does not say."""
        return ", ".join(dict.fromkeys(clock.governor for clock in self.clocks if clock.governor))

    @property
    def celsius(self) -> float | None:
        """Of the hottest zone."""
        return self.state.hottest_c

    @property
    def throttled(self) -> tuple[str, ...] | None:
        """What a Raspberry Pi says of its throttling, now and since its start; None: it does not say."""
        bits = self.state.throttled
        if bits is None:
            return None
        now = [f"{word} now" for word in now_words(bits)]
        return (*now, *(f"{word} has occurred" for word in since_boot_words(bits)))

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found |= {"core_types": dict(self.core_types), "state": asdict(self.state)}
        found["clocks"] = [asdict(clock) for clock in self.clocks]
        names = ("neon", "dotprod", "fp16", "perf", "governor", "celsius", "throttled")
        return {**found, **{name: getattr(self, name) for name in names}}


def probe(board: Transport, root: str = "") -> BoardFacts:
    """Over an open connection."""
    done = board.run(("sh", "-c", SHELL_READINGS + _FACTS, "sh", root, board_dir()))
    told, _, readings = done.stdout.partition(b"\nreadings\n")
    said: dict[str, list[str]] = {}
    for line in told.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        said.setdefault(key, []).append("".join(c for c in value.strip() if c.isprintable())[:2000])
    return _facts(said, next(iter(parse_states(readings)), State()))


def _facts(said: Mapping[str, list[str]], state: State) -> BoardFacts:
    def text(key: str) -> str:
        return said.get(key, [""])[0]

    def number(key: str) -> int | None:
        found = text(key)
        return int(found) if re.fullmatch(r"-?\d{1,18}", found) else None

    types: dict[str, int] = {}
    for part in said.get("core", []):
        name = _CORES.get(part.lower(), part)
        types[name] = types.get(name, 0) + 1
    musl, loader, version = text("musl"), text("loader"), text("loader_version")
    glibc = f"glibc {version}" if version else loader and f"glibc ({loader})"
    counters, absent = _counters(text("counters"))
    return BoardFacts(
        model=text("model"),
        arch=arch_of(text("machine")),
        machine=text("machine"),
        kernel=text("kernel"),
        system=text("system"),
        userland_bits={1: 32, 2: 64}.get(number("elf") or 0),
        libc=text("glibc") or (f"musl {musl}" if musl else glibc),
        features=tuple(text("features").split()),
        cores=number("cores"),
        core_types=types,
        clocks=_clocks(said.get("clock_range", []), state),
        state=state,
        ram_kib=number("ram_kib"),
        ram_free_kib=number("ram_free_kib"),
        disk_free_kib=number("disk_free_kib"),
        counters=counters,
        counters_absent=absent,
        perf_paranoid=number("perf"),
        clock_source=text("clock"),
        tools=tuple(said.get("tool", [])),
        is_root=number("uid") == 0,
    )


def _clocks(ranges: Sequence[str], state: State) -> tuple[Clock, ...]:
    """Each group of cores: what is read with the state, and between what it may be."""
    found = {}
    for line in ranges:
        if match := re.fullmatch(r"(\S+) (\d{1,12}) (\d{1,12})(?: ([\d ]*))?", line):
            found[match[1]] = (match[4] or "", int(match[2]) / 1000, int(match[3]) / 1000)
    names = sorted({*found, *state.governor, *state.frequency_mhz}, key=_by_number)
    return tuple(
        Clock(name, cores, state.governor.get(name, ""), state.frequency_mhz.get(name), least, most)
        for name in names
        for cores, least, most in (found.get(name, ("", None, None)),)
    )


def _by_number(name: str) -> tuple[int, str]:
    """policy4 comes before policy10."""
    return int("0" + re.sub(r"\D", "", name)), name


def _counters(text: str) -> tuple[tuple[str, ...] | None, str]:
    """Which counters a runner was given, and why not all; None where none has answered."""
    try:
        said = json.loads(text)
        names, absent = said["counters"], said.get("absent", "")
    except (ValueError, TypeError, KeyError):
        return None, ""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in (*names, absent)):
        return None, ""
    return tuple(names), absent
