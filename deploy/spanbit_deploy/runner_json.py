"""What the runner prints (docs/runner.md), checked: a board is not trusted.

report = parse_report(stdout, wanted=Expected(layers=6, images=100, classes=10, rounds=20))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NAME_MAX = 64
_NUMBER_MAX = 2**63 - 1
_CPUS_MAX = 256
ROUNDS_MAX = 10_000
"""Rounds at most, where the time decides."""

COUNTERS = ("cycles", "instructions", "cache_misses", "branch_misses")
PROTOCOL = 2


class ReportError(ValueError):
    """The text is not what a runner prints."""


@dataclass(frozen=True)
class Expected:
    """What was asked for; lists of another length are refused."""

    layers: int
    images: int
    classes: int
    rounds: int  # at least, where `seconds` were asked for
    threads: int = 1
    seconds: int = 0


@dataclass(frozen=True)
class LayerTimes:
    """One layer: its operator (bundle's number), differing taps, ns a round; instructions where counted."""

    name: str
    op: int
    taps: int
    ns: tuple[int, ...]
    instructions: int | None = None


@dataclass(frozen=True)
class RunnerReport:
    """All that a runner says when nothing failed."""

    isa: str
    arch: str
    threads: int
    cores: int  # of the board
    cpus: tuple[int, ...]  # those that it could run on
    arena_bytes: int
    peak_rss_bytes: int
    code_bytes: int  # of the whole program
    layers: tuple[LayerTimes, ...]
    golden_count: int
    predictions: tuple[int, ...]
    total_ns: tuple[int, ...]
    first_ns: int  # the process's very first run; 0 without rounds
    counters: Mapping[str, int]  # over all rounds of total_ns, by name
    counters_absent: str  # why some are missing, "" if none is


@dataclass(frozen=True)
class RunnerFailure:
    """What a runner says when something failed."""

    status: int
    text: str
    layer: int  # -1: none
    layer_name: str
    where: str


def parse_report(text: str, expected: Expected) -> RunnerReport | RunnerFailure:
    """The checked content.

    Raises:
        ReportError: not JSON, another protocol, a field of the wrong type or size.
    """
    said = _read(text)
    if "error" in said:
        return _failure(_object(said, "error"))
    layers = _list(said, "layers", expected.layers)
    most = max(expected.rounds, ROUNDS_MAX) if expected.seconds else expected.rounds
    rounds = _number(said, "rounds", low=expected.rounds, high=most)
    counted = _object(said, "counters") if rounds else {}
    predictions: tuple[int, ...] = ()
    if expected.images:
        found = _object(said, "classified")
        predictions = _numbers(found, "predictions", expected.images, expected.classes - 1)
    return RunnerReport(
        isa=_text(said, "isa"),
        arch=_text(said, "arch"),
        threads=_number(said, "threads", low=expected.threads, high=expected.threads),
        cores=_number(said, "cores", low=1),
        cpus=_cpus(said),
        arena_bytes=_number(said, "arena_bytes"),
        peak_rss_bytes=_number(said, "peak_rss_bytes"),
        code_bytes=_number(said, "code_bytes"),
        layers=tuple(_layer(part, rounds) for part in layers),
        golden_count=_golden(said),
        predictions=predictions,
        total_ns=_numbers(said, "total_ns", rounds),
        first_ns=_number(said, "first_ns") if rounds else 0,
        counters={name: _number(counted, name) for name in COUNTERS if name in counted},
        counters_absent=_text(counted, "absent") if "absent" in counted else "",
    )


def parse_golden(text: str) -> int | RunnerFailure:
    """How many golden outputs were equal, for those who know nothing of the bundle.

    A release may be older than we are: its runner's protocol may be, too.

    Raises:
        ReportError: as `parse_report`.
    """
    said = _read(text, oldest=1)
    return _failure(_object(said, "error")) if "error" in said else _golden(said)


def _read(text: str, *, oldest: int = PROTOCOL) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise ReportError("not an object")
    if not oldest <= _number(said, "runner") <= PROTOCOL:
        raise ReportError(f"protocol {said['runner']}, known is {PROTOCOL}")
    return said


def _golden(said: Mapping[str, Any]) -> int:
    golden = _object(said, "golden")
    if golden.get("ok") is not True:
        raise ReportError("golden.ok is not true, yet it reports no error")
    return _number(golden, "count")


def _failure(said: Mapping[str, Any]) -> RunnerFailure:
    return RunnerFailure(
        status=_number(said, "status"),
        text=_text(said, "text", 500),
        layer=_number(said, "layer", low=-1),
        layer_name=_text(said, "layer_name"),
        where=_text(said, "where", 4096),
    )


def _layer(said: object, rounds: int) -> LayerTimes:
    if not isinstance(said, dict):
        raise ReportError("a layer is not an object")
    return LayerTimes(
        _text(said, "name"),
        _number(said, "op"),
        _number(said, "taps"),
        _numbers(said, "ns", rounds),
        _number(said, "instructions") if "instructions" in said else None,
    )


def _cpus(said: Mapping[str, Any]) -> tuple[int, ...]:
    cpus = said.get("cpus")
    return _numbers(said, "cpus", min(len(cpus), _CPUS_MAX) if isinstance(cpus, list) else 0, _CPUS_MAX - 1)


def _number(said: Mapping[str, Any], key: str, *, low: int = 0, high: int = _NUMBER_MAX) -> int:
    value = said.get(key)
    if type(value) is not int or not low <= value <= high:  # `type`: True is an int as well
        raise ReportError(f"{key} is not a whole number of {low} .. {high}")
    return value


def _numbers(said: Mapping[str, Any], key: str, count: int, high: int = _NUMBER_MAX) -> tuple[int, ...]:
    values = _list(said, key, count)
    if not all(type(value) is int and 0 <= value <= high for value in values):
        raise ReportError(f"{key} holds something else than whole numbers of 0 .. {high}")
    return tuple(values)


def _list(said: Mapping[str, Any], key: str, count: int) -> list[Any]:
    value = said.get(key)
    if not isinstance(value, list) or len(value) != count:
        raise ReportError(f"{key} is not a list of {count}")
    return value


def _object(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = said.get(key)
    if not isinstance(value, dict):
        raise ReportError(f"{key} is not an object")
    return value


def _text(said: Mapping[str, Any], key: str, most: int = _NAME_MAX) -> str:
    value = said.get(key)
    if not isinstance(value, str) or len(value) > most:
        raise ReportError(f"{key} is not a text of at most {most} characters")
    # It is printed on a terminal: no escape sequences from a board.
    return "".join(c if c.isprintable() else "?" for c in value)
