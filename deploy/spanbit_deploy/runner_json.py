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


class ReportError(ValueError):
    """The text is not what a runner prints."""


@dataclass(frozen=True)
class Expected:
    """What was asked for; lists of another length are refused."""

    layers: int
    images: int
    classes: int
    rounds: int
    threads: int = 1


@dataclass(frozen=True)
class LayerTimes:
    """One layer: its operator (bundle's number), differing taps, and ns a round."""

    name: str
    op: int
    taps: int
    ns: tuple[int, ...]


@dataclass(frozen=True)
class RunnerReport:
    """All that a runner says when nothing failed."""

    isa: str
    arch: str
    threads: int
    cores: int  # of the board
    arena_bytes: int
    layers: tuple[LayerTimes, ...]
    golden_count: int
    predictions: tuple[int, ...]
    total_ns: tuple[int, ...]


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
    predictions: tuple[int, ...] = ()
    if expected.images:
        found = _object(said, "classified")
        predictions = _numbers(found, "predictions", expected.images, expected.classes - 1)
    return RunnerReport(
        isa=_text(said, "isa"),
        arch=_text(said, "arch"),
        threads=_number(said, "threads", low=expected.threads, high=expected.threads),
        cores=_number(said, "cores", low=1),
        arena_bytes=_number(said, "arena_bytes"),
        layers=tuple(_layer(part, expected.rounds) for part in layers),
        golden_count=_golden(said),
        predictions=predictions,
        total_ns=_numbers(said, "total_ns", expected.rounds),
    )


def parse_golden(text: str) -> int | RunnerFailure:
    """How many golden outputs were equal, for those who know nothing of the bundle.

    Raises:
        ReportError: as `parse_report`.
    """
    said = _read(text)
    return _failure(_object(said, "error")) if "error" in said else _golden(said)


def _read(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise ReportError("not an object")
    if _number(said, "runner") != 1:
        raise ReportError(f"protocol {said['runner']}, known is 1")
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
        _text(said, "name"), _number(said, "op"), _number(said, "taps"), _numbers(said, "ns", rounds)
    )


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
