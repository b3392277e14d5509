"""What every transport can do: connect, run, put, get. Nothing else knows what is behind it.

Paths on a board are relative to the folder that a command starts in (the home folder, over SSH).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets.machine import arch_of

OUTPUT_MAX = 64 << 20
"""Bytes of output that are taken from a command: a board is not trusted with this machine's memory."""

RUN_TIMEOUT_S = 60.0

Progress = Callable[[int], None]
"""Called with the bytes that have been sent so far."""


@dataclass(frozen=True)
class Result:
    """How a command ended: its exit code (-n where signal n ended it, as far as known) and its output."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    @property
    def complaint(self) -> str:
        """The end of what it said on standard error."""
        return self.stderr.decode(errors="replace").strip()[-500:]


class Transport(ABC):
    """A way to a board. All verbs raise SpanbitError: BOARD or TIMEOUT."""

    name: str
    emulator: tuple[str, ...] = ()  # stands before a program that was built for the board
    python: tuple[str, ...] = ("python3",)  # starts its Python, if it has one
    emulated: bool = False  # its times are not a board's
    counted: bool = False  # emulated, and its clock counts instructions: one is 1 ns

    @abstractmethod
    def connect(self) -> None:
        """Opens the way; to be closed again."""

    @abstractmethod
    def run(self, command: Sequence[str], *, timeout: float = RUN_TIMEOUT_S) -> Result:
        """Runs a command to its end. It is killed where it takes longer, or says more than OUTPUT_MAX."""

    @abstractmethod
    def put(self, data: bytes, path: str, progress: Progress | None = None) -> None:
        """Writes a file (not atomically: spanbit_deploy.release makes it so)."""

    @abstractmethod
    def get(self, path: str, limit: int = OUTPUT_MAX) -> bytes:
        """Reads a file of at most `limit` bytes."""

    @abstractmethod
    def close(self) -> None:
        """Ends the connection; may be called twice."""

    def arch(self) -> str:
        """The board's architecture, one of spanbit.targets.ARCHES."""
        return arch_of(self.run(("uname", "-m")).text)

    def __enter__(self) -> Transport:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def failure(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> SpanbitError:
        """A BOARD error that names this board."""
        place = f"{self.name}: {where}" if where else self.name
        return SpanbitError(what, where=place, why=why, fix=fix, code=ExitCode.BOARD)

    def too_late(self, command: Sequence[str], timeout: float) -> SpanbitError:
        """A TIMEOUT error for a command."""
        return SpanbitError(
            f"{command[0]} did not end within {timeout:g} s and was stopped",
            where=self.name,
            fix="give more time with --timeout SECONDS, or ask for fewer rounds or images",
            code=ExitCode.TIMEOUT,
        )

    def too_much(self, command: Sequence[str]) -> SpanbitError:
        """An error for a command that talks without end."""
        return self.failure(f"{command[0]} said more than {OUTPUT_MAX >> 20} MiB and was stopped")
