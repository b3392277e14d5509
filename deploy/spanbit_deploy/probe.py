"""What a board is and in what state: read there with a POSIX shell, changing nothing.

facts = probe(board)
facts.model, facts.cores, facts.governor
verdicts(facts)[0].target, verdicts(facts)[0].runs
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from spanbit.targets import Target, list_targets, load_target
from spanbit.targets.machine import arch_of

from spanbit_deploy.release.layout import board_dir
from spanbit_deploy.throttling import now_words, since_boot_words, throttled_bits
from spanbit_deploy.transports import Transport

# Prints `key value` a line; what a board does not have is left out. $1: the root of /proc and /sys (tests
# have another), $2: our folder.
_SCRIPT = r"""
r=$1
say() { [ -n "$2" ] && echo "$1 $2"; }
one() { tr '\000' '\n' < "$1" 2>/dev/null | head -n 1; }
say model "$(one "$r/proc/device-tree/model")"
say machine "$(uname -m)"
say kernel "$(uname -sr)"
say system "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\).*/\1/p' "$r/etc/os-release" 2>/dev/null | head -n 1)"
say elf "$(od -An -tu1 -j4 -N1 "$r/bin/sh" 2>/dev/null | tr -d ' ')"
say glibc "$(getconf GNU_LIBC_VERSION 2>/dev/null)"
for f in "$r"/lib/ld-musl-*.so.1; do [ -e "$f" ] && say musl "$("$f" 2>&1 | sed -n 's/^Version //p')"; done
for f in "$r"/lib/ld-linux* "$r"/lib64/ld-linux*; do [ -e "$f" ] && say loader "${f##*/}"; done
grep -iE '^(features|flags)' "$r/proc/cpuinfo" 2>/dev/null | head -n 1 | sed 's/^[^:]*:/features/'
grep -iE '^(cpu part|model name)' "$r/proc/cpuinfo" 2>/dev/null | sed 's/^[^:]*:/core/'
say cores "$(grep -c '^processor' "$r/proc/cpuinfo" 2>/dev/null)"
c=$r/sys/devices/system/cpu/cpu0/cpufreq
say governor "$(one "$c/scaling_governor")"
say khz "$(one "$c/scaling_cur_freq")"
say khz_min "$(one "$c/cpuinfo_min_freq")"
say khz_max "$(one "$c/cpuinfo_max_freq")"
for f in "$r"/sys/class/thermal/thermal_zone*/temp; do say millidegrees "$(one "$f")"; done
say throttled "$(vcgencmd get_throttled 2>/dev/null)"
say ram_kib "$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' "$r/proc/meminfo")"
say ram_free_kib "$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' "$r/proc/meminfo")"
d=$2; [ -d "$d" ] || d=.
say disk_free_kib "$(df -Pk "$d" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)"
say perf "$(one "$r/proc/sys/kernel/perf_event_paranoid")"
say clock "$(one "$r/sys/devices/system/clocksource/clocksource0/current_clocksource")"
for p in sha256sum ssh-keygen; do command -v $p > /dev/null && say tool $p; done
t=$(mktemp -d 2>/dev/null) && mkdir "$t/a" && mv -T "$t/a" "$t/b" 2>/dev/null && say tool mv-T; rm -rf "$t"
say uid "$(id -u)"
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
# What code for a core's own -mcpu may use, as Linux names it.
_NEEDS = {
    "cortex-a76": ("asimd", "asimddp", "asimdhp", "atomics"),
    "neoverse-n1": ("asimd", "asimddp", "asimdhp", "atomics"),
}
_ISA_NEEDS = {"neon64": ("asimd",), "neon32": ("neon",), "avx2": ("avx2",)}


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
    governor: str
    mhz: float | None
    mhz_min: float | None
    mhz_max: float | None
    celsius: float | None  # of the hottest zone
    throttled: tuple[str, ...] | None  # None: it does not say
    ram_kib: int | None
    ram_free_kib: int | None
    disk_free_kib: int | None
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
    def perf(self) -> bool:
        """Whether a user's program may count instructions."""
        return self.perf_paranoid is not None and (self.is_root or self.perf_paranoid <= 2)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        found["core_types"] = dict(self.core_types)
        return {**found, "neon": self.neon, "dotprod": self.dotprod, "fp16": self.fp16, "perf": self.perf}


@dataclass(frozen=True)
class Verdict:
    """Whether a runner built for a target runs on the board, and why not."""

    target: str
    runs: bool
    why: str


def probe(board: Transport, root: str = "") -> BoardFacts:
    """Over an open connection."""
    done = board.run(("sh", "-c", _SCRIPT, "sh", root, board_dir()))
    said: dict[str, list[str]] = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        said.setdefault(key, []).append("".join(c for c in value.strip() if c.isprintable())[:2000])
    return _facts(said)


def verdicts(facts: BoardFacts) -> tuple[Verdict, ...]:
    """One for each target that comes with spanbit."""
    return tuple(_verdict(facts, load_target(name)) for name in list_targets())


def advice(facts: BoardFacts) -> tuple[str, ...]:
    """What to change, the most important first; nothing where all is well."""
    said = []
    if facts.throttled:
        bits = ", ".join(facts.throttled)
        said.append(f"{bits}: use a better power supply and cooling, then start it again")
    if facts.celsius is not None and facts.celsius >= 80:
        said.append(f"{facts.celsius:.0f} °C: cool it; a Raspberry Pi slows down from 80 °C on")
    if facts.disk_free_kib is not None and facts.disk_free_kib < 10 * 1024:
        said.append(
            f"{facts.disk_free_kib} KiB free on its disk: a release takes about 1 MiB, three are kept"
        )
    if facts.ram_free_kib is not None and facts.ram_free_kib < 16 * 1024:
        said.append(f"{facts.ram_free_kib} KiB of free RAM: end other programs")
    if "mv-T" not in facts.tools:
        said.append("its mv knows no -T, which `spanbit push` needs: install coreutils, BusyBox or Toybox")
    if "sha256sum" not in facts.tools:
        said.append("it has no sha256sum: every push reads its files back, which takes longer")
    if facts.governor and facts.governor != "performance":
        said.append(
            f"governor {facts.governor}, times will waver; to measure: echo performance | "
            "sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
        )
    if not facts.perf:
        none = facts.perf_paranoid is None
        fix = "its kernel has no perf" if none else "sudo sysctl kernel.perf_event_paranoid=2"
        said.append(f"instructions cannot be counted: {fix}")
    if "ssh-keygen" not in facts.tools:
        said.append("it has no ssh-keygen: signatures of bundles are checked here, not there")
    return tuple(said)


def _verdict(facts: BoardFacts, target: Target) -> Verdict:
    if target.arch != facts.arch:
        return Verdict(target.name, False, f"the board is {facts.arch}, the target {target.arch}")
    if target.name == "host":
        return Verdict(target.name, False, "built for this very machine's CPU")
    needed = _NEEDS.get(target.cpu, _ISA_NEEDS.get(target.isa, ()))
    missing = [name for name in needed if name not in facts.features]
    if missing:
        return Verdict(target.name, False, f"the board's CPU has no {', '.join(missing)}")
    return Verdict(target.name, True, "")


def _facts(said: Mapping[str, list[str]]) -> BoardFacts:
    def text(key: str) -> str:
        return said.get(key, [""])[0]

    def number(key: str) -> int | None:
        found = text(key)
        return int(found) if re.fullmatch(r"-?\d{1,18}", found) else None

    def mhz(key: str) -> float | None:
        khz = number(key)
        return None if khz is None else khz / 1000

    zones = [int(zone) for zone in said.get("millidegrees", []) if re.fullmatch(r"-?\d{1,9}", zone)]
    hottest = max(zones, default=None)
    types: dict[str, int] = {}
    for part in said.get("core", []):
        name = _CORES.get(part.lower(), part)
        types[name] = types.get(name, 0) + 1
    musl, loader = text("musl"), text("loader")
    return BoardFacts(
        model=text("model"),
        arch=arch_of(text("machine")),
        machine=text("machine"),
        kernel=text("kernel"),
        system=text("system"),
        userland_bits={1: 32, 2: 64}.get(number("elf") or 0),
        libc=text("glibc") or (f"musl {musl}" if musl else loader and f"glibc ({loader})"),
        features=tuple(text("features").split()),
        cores=number("cores"),
        core_types=types,
        governor=text("governor"),
        mhz=mhz("khz"),
        mhz_min=mhz("khz_min"),
        mhz_max=mhz("khz_max"),
        celsius=None if hottest is None else hottest / 1000,
        throttled=_throttled(text("throttled")),
        ram_kib=number("ram_kib"),
        ram_free_kib=number("ram_free_kib"),
        disk_free_kib=number("disk_free_kib"),
        perf_paranoid=number("perf"),
        clock_source=text("clock"),
        tools=tuple(said.get("tool", [])),
        is_root=number("uid") == 0,
    )


def _throttled(text: str) -> tuple[str, ...] | None:
    bits = throttled_bits(text)
    if bits is None:
        return None
    now = [f"{word} now" for word in now_words(bits)]
    return (*now, *(f"{word} has occurred" for word in since_boot_words(bits)))
