"""profile.json: all that a profile has measured, raw samples and all. Written, read again, checked.

data = record_bytes(profile)
profile = read_record(path)        # a file, or a run's folder

The file's form is these types; `record_schema()` has it as JSON Schema. SCHEMA counts up when a field changes
its meaning or goes; readers refuse a later one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from spanbit.cli.files import read_file
from spanbit.errors import SpanbitError
from spanbit.report.figures import NetworkFigures

from spanbit_deploy.figures import RunFigures
from spanbit_deploy.profile.conditions import Conditions
from spanbit_deploy.profile.power import Energy
from spanbit_deploy.versus.tflite import Versus

SCHEMA = 1
FILE_NAME = "profile.json"


@dataclass(frozen=True)
class BundleFacts:
    """Which network it was."""

    path: str
    sha256: str
    target: str


@dataclass(frozen=True)
class TreeShape:
    """A layer's tree: each channel's parent (-1: the zero vertex) and its differing taps, parents first."""

    parent: tuple[int, ...]
    distance: tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """One setting of threads and processors."""

    figures: RunFigures
    conditions: Conditions
    energy: Energy | None
    versus: Versus | None  # the other framework's time, in the same setting


@dataclass(frozen=True)
class Profile:
    """A whole profile."""

    schema: int
    spanbit: str  # the version that measured
    when: str  # ISO 8601, UTC
    message: str  # of the target that was taken instead of another
    bundle: BundleFacts
    network: NetworkFigures
    trees: dict[str, TreeShape]  # by layer
    runs: tuple[Run, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Why some of its times do not count; empty: all do."""
        return tuple(problem for run in self.runs for problem in run.conditions.problems)


def record_bytes(profile: Profile) -> bytes:
    """As JSON."""
    return msgspec.json.format(msgspec.json.encode(profile), indent=1) + b"\n"


def record_schema() -> dict[str, Any]:
    """JSON Schema of the file."""
    return msgspec.json.schema(Profile)


def read_record(path: Path) -> Profile:
    """A profile.json, or the one in a run's folder.

    Raises:
        SpanbitError: BAD_INPUT: no such file, not a profile, or one of a later version of spanbit.
    """
    file = path / FILE_NAME if path.is_dir() else path
    data = read_file(file)
    try:
        found = msgspec.json.decode(data)
        version = found.get("schema") if isinstance(found, dict) else None
        if type(version) is int and version > SCHEMA:
            raise SpanbitError(
                f"a profile of schema {version}",
                where=str(file),
                why=f"this spanbit knows {SCHEMA}",
                fix="update spanbit, or profile again",
            )
        profile = msgspec.json.decode(data, type=Profile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(file, str(error)) from error
    if not profile.runs or any(not run.figures.total_ns for run in profile.runs):
        raise _unreadable(file, "it has no times")
    if any(len(layer.ns) != run.figures.rounds for run in profile.runs for layer in run.figures.layers):
        raise _unreadable(file, "a layer has not a time for every round")
    return profile


def _unreadable(file: Path, why: str) -> SpanbitError:
    return SpanbitError(
        "not a profile", where=str(file), why=why, fix="make one: spanbit profile BUNDLE --on PLACE --out DIR"
    )
