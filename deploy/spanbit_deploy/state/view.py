"""A board's facts on one screen of a terminal. No figure is calculated here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit_deploy.state.facts import BoardFacts, Clock
from spanbit_deploy.state.verdicts import advice, verdicts


def probe_view(facts: BoardFacts, on: str) -> Group:
    """What it is, which targets' runners run on it, what to change."""
    table = Table(show_header=False, box=None, title=Text(on, "bold"), title_justify="left")
    for name, value in _rows(facts):
        table.add_row(Text(name, "bold"), Text(value or "it does not say"))
    fitting = [verdict.target for verdict in verdicts(facts) if verdict.runs]
    others = [f"{verdict.target} ({verdict.why})" for verdict in verdicts(facts) if not verdict.runs]
    runs = Text(", ".join(fitting) or "none", "green" if fitting else "red")
    table.add_row(Text("targets that run", "bold"), runs)
    table.add_row(Text("that do not", "bold"), Text("; ".join(others)))
    lines = [Text(f"- {line}") for line in advice(facts)]
    return Group(table, Text("to change:" if lines else "nothing to change", "bold"), *lines)


def _rows(facts: BoardFacts) -> list[tuple[str, str]]:
    types = ", ".join(f"{count} x {name}" for name, count in facts.core_types.items())
    bits = f"{facts.userland_bits}-bit userland" if facts.userland_bits else "userland unknown"
    isa = (("NEON", facts.neon), ("dotprod", facts.dotprod), ("fp16", facts.fp16))
    cores = f"{facts.cores or '?'} cores" + (f": {types}" if types else "")
    throttled = facts.throttled
    throttle = "" if throttled is None else ", ".join(throttled) or "no, never since its start"
    return [
        ("board", f"{facts.model or 'unnamed'}; {facts.arch} ({facts.machine}), {bits}"),
        ("system", f"{facts.system or '?'}; {facts.kernel}; C library: {facts.libc or 'none found'}"),
        ("CPU", f"{cores}; " + ", ".join(f"{name} {'yes' if there else 'no'}" for name, there in isa)),
        ("clock", "; ".join(map(_clock, _alike(facts.clocks)))),
        ("temperature", ", ".join(f"{name} {c:.1f} °C" for name, c in facts.state.temperature_c.items())),
        ("throttled", throttle),
        ("free RAM", f"{_mib(facts.ram_free_kib)} of {_mib(facts.ram_kib)}"),
        ("free disk", _mib(facts.disk_free_kib)),
        ("counters", _counters(facts)),
        ("clock source", facts.clock_source),
    ]


def _alike(clocks: Sequence[Clock]) -> list[list[Clock]]:
    """Those of the same governor and range together: a server has one for each of its cores."""
    groups: dict[object, list[Clock]] = {}
    for clock in clocks:
        groups.setdefault((clock.governor, clock.mhz_min, clock.mhz_max), []).append(clock)
    return list(groups.values())


def _clock(alike: Sequence[Clock]) -> str:
    first, last = alike[0], alike[-1]
    name = first.name if len(alike) == 1 else f"{first.name} to {last.name}"
    cores = f" (cores {first.cores})" if first.cores and len(alike) == 1 else ""
    now = " to ".join(dict.fromkeys(_whole(pick(clock.mhz for clock in alike)) for pick in (_least, _most)))
    between = f"{_whole(first.mhz_min)} to {_whole(first.mhz_max)}"
    return f"{name}{cores}: governor {first.governor or '?'}, {now} MHz now ({between})"


def _least(values: Iterable[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)


def _most(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _whole(mhz: float | None) -> str:
    return "?" if mhz is None else f"{mhz:.0f}"


def _counters(facts: BoardFacts) -> str:
    """What perf_event_open gave, or why that is not known."""
    none = facts.perf_paranoid is None
    paranoid = "no perf in its kernel" if none else f"perf_event_paranoid {facts.perf_paranoid}"
    if facts.counters is None:
        return f"could not be asked, no runner of ours is there yet ({paranoid})"
    names = ", ".join(name.replace("_", " ") for name in facts.counters) or "none"
    return f"{names} ({'; '.join(filter(None, (facts.counters_absent, paranoid)))})"


def _mib(kib: int | None) -> str:
    return "?" if kib is None else f"{kib / 1024:,.0f} MiB"
