"""This machine as a board, in a folder of its own; and the same with an emulator for another CPU.

with Emulated(load_target("rpi4")) as board:
    board.run((*board.emulator, ".spanbit/demo/current/spb_runner", "--info"))
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from spanbit.cbuild import cache_dir
from spanbit.errors import ExitCode, SpanbitError
from spanbit.targets import Target

from spanbit_deploy.transports.base import OUTPUT_MAX, RUN_TIMEOUT_S, Progress, Result, Transport

_CHUNK_BYTES = 1 << 20
_POLL_S = 0.05


class Local(Transport):
    """This machine. `home` takes the place of a board's home folder."""

    python = (sys.executable,)

    def __init__(self, home: Path | None = None, name: str = "host") -> None:
        self.name = name
        self.home = home if home is not None else cache_dir() / "boards" / name.replace(":", "-")

    def connect(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error, str(self.home)) from error

    def run(self, command: Sequence[str], *, timeout: float = RUN_TIMEOUT_S) -> Result:
        # Files, not pipes: a size can be watched, and nothing has to be read while it runs.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    tuple(command),
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:
                why = error.strerror or str(error)
                raise self.failure(f"cannot start {command[0]}", why=why) from error
            try:
                self._watch(process, command, timeout, (out, err))
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            return Result(process.returncode, _content(out), _content(err))

    def _watch(
        self,
        process: subprocess.Popen[bytes],
        command: Sequence[str],
        timeout: float,
        outputs: Sequence[IO[bytes]],
    ) -> None:
        deadline = time.monotonic() + timeout
        while True:
            if sum(os.fstat(file.fileno()).st_size for file in outputs) > OUTPUT_MAX:
                raise self.too_much(command)
            try:
                process.wait(min(_POLL_S, max(0.0, deadline - time.monotonic())))
                return
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    raise self.too_late(command, timeout) from None

    def put(self, data: bytes, path: str, progress: Progress | None = None) -> None:
        try:
            with (self.home / path).open("wb") as file:
                for begin in range(0, len(data), _CHUNK_BYTES):
                    file.write(data[begin : begin + _CHUNK_BYTES])
                    if progress is not None:
                        progress(min(begin + _CHUNK_BYTES, len(data)))
        except OSError as error:
            raise self._unwritable(error, path) from error

    def get(self, path: str, limit: int = OUTPUT_MAX) -> bytes:
        try:
            with (self.home / path).open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise self.failure("cannot read a file", where=path, why=error.strerror or str(error)) from error
        if len(data) > limit:
            raise self.failure("the file is larger than expected", where=path, why=f"more than {limit} bytes")
        return data

    def close(self) -> None:
        """Nothing to end."""

    def _unwritable(self, error: OSError, path: str) -> SpanbitError:
        why = error.strerror or str(error)
        return self.failure("cannot write", where=path, why=why, fix="free some space, or check permissions")


class Emulated(Local):
    """This machine with the target's user-mode emulator before each program."""

    emulated = True
    python = ("python3-of-another-architecture",)  # there is none

    def __init__(self, target: Target, home: Path | None = None) -> None:
        super().__init__(home, f"emulated:{target.name}")
        self._target = target
        self.emulator = target.qemu

    def connect(self) -> None:
        if not self.emulator:
            raise SpanbitError(
                f"{self._target.name} has no emulator",
                why="its target file names none: this machine runs it itself",
                fix="use --on host",
                code=ExitCode.USAGE,
            )
        if shutil.which(self.emulator[0]) is None:
            raise SpanbitError(
                f"{self.emulator[0]} is not installed",
                where=self.name,
                why="it stands in for the board's CPU",
                fix="apt install qemu-user, or use --on host",
                code=ExitCode.TOOLCHAIN,
            )
        super().connect()

    def arch(self) -> str:
        return self._target.arch


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()
