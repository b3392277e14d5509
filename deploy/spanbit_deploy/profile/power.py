"""Watts while a network runs: from the board's own sensor, or from a meter beside it.

meter = open_meter("command:read-watts")     # prints a number a line, for as long as it runs
with meter:
    ...
meter.watts()                                # what it has read

`board` stands for what Linux measures there: an INA219 or INA226 with its kernel driver appears below
/sys/class/hwmon and is read with the board's other readings (spanbit_deploy/state). Another package may add
a kind: an entry point of the group `spanbit.power`, called with what stands behind the colon, gives a Meter.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import TracebackType

from spanbit.errors import ExitCode, SpanbitError

GROUP = "spanbit.power"
BOARD = "board"
_STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Energy:
    """Of one run. The watts are those of all that the meter sees, idle parts of the board included."""

    source: str
    samples: tuple[float, ...]  # W
    mean_w: float
    joules_an_inference: float  # mean_w times the mean time


class Meter(ABC):
    """Reads watts between `__enter__` and `__exit__`."""

    @abstractmethod
    def __enter__(self) -> Meter: ...

    @abstractmethod
    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    @abstractmethod
    def watts(self) -> tuple[float, ...]:
        """What was read; asked for after the end."""


class CommandMeter(Meter):
    """A command on this machine that prints watts, a number a line, until it is stopped (SIGTERM)."""

    def __init__(self, text: str) -> None:
        self._command = shlex.split(text)
        self._text, self._read = text, list[float]()

    def __enter__(self) -> Meter:
        self._read = []  # of this run only
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
            )
        except OSError as error:
            raise self._failure("cannot be started", str(error)) from error
        self._reader = threading.Thread(target=self._take, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = self._process.poll()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(_STOP_TIMEOUT_S)
        if kind is None and ended:
            raise self._failure("failed", f"exit code {ended}")

    def watts(self) -> tuple[float, ...]:
        if not self._read:
            raise self._failure("printed no watts", "it must print a number a line while the board runs")
        return tuple(self._read)

    def _take(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                self._read.append(float(line))

    def _failure(self, what: str, why: str) -> SpanbitError:
        return SpanbitError(
            f"the power meter {what}", where=self._text, why=why, fix="try the command by itself first"
        )


def open_meter(source: str) -> Meter:
    """The meter that `source`, KIND:DETAILS, names.

    Raises:
        SpanbitError: USAGE: no such kind.
    """
    kind, _, details = source.partition(":")
    if kind == "command" and details:
        return CommandMeter(details)
    others = {point.name: point for point in entry_points(group=GROUP)}
    if kind not in others:
        kinds = ", ".join((BOARD, "command:COMMAND", *(f"{name}:..." for name in others)))
        raise SpanbitError(f"no power meter {source!r}", fix=f"one of: {kinds}", code=ExitCode.USAGE)
    meter = others[kind].load()(details)
    assert isinstance(meter, Meter)
    return meter


def energy_of(source: str, watts: Sequence[float], mean_ms: float) -> Energy:
    """Watts as energy; `watts` are not empty."""
    mean = sum(watts) / len(watts)
    return Energy(source, tuple(watts), mean, mean * mean_ms / 1000)
