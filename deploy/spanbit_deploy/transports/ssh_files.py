"""Files over an SSH connection: by SFTP, pipelined, or through a shell where the server has no SFTP.

files = SftpFiles(client) or ShellFiles(open_channel)
files.write(data, "x", progress); files.read("x", limit)

Both raise OSError where the board refuses (disk full, no such file), and what paramiko raises where the
connection is lost.
"""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable
from typing import Protocol

import paramiko

from spanbit_deploy.transports.base import Progress

TRANSFER_TIMEOUT_S = 60.0  # without a single byte
_CHUNK_BYTES = 32000  # with its header it fits into one packet of SSH
_POLL_S = 0.01


class Files(Protocol):
    """Writes and reads whole files."""

    def write(self, data: bytes, path: str, progress: Progress | None) -> None: ...

    def read(self, path: str, limit: int) -> bytes:
        """At most `limit` + 1 bytes."""


class SftpFiles:
    """By the SFTP subsystem. Writes are sent without waiting for the answer to the one before."""

    def __init__(self, client: paramiko.SFTPClient) -> None:
        channel = client.get_channel()
        assert channel is not None
        channel.settimeout(TRANSFER_TIMEOUT_S)
        self._client = client

    def write(self, data: bytes, path: str, progress: Progress | None) -> None:
        with self._client.open(path, "wb") as file:
            file.set_pipelined(True)
            for begin in range(0, len(data), _CHUNK_BYTES):
                file.write(data[begin : begin + _CHUNK_BYTES])
                if progress is not None:
                    progress(min(begin + _CHUNK_BYTES, len(data)))
        # Errors of pipelined writes may be lost with the close; the size cannot be.
        stored = self._client.stat(path).st_size
        if stored != len(data):
            raise OSError(f"{stored} of {len(data)} bytes arrived")

    def read(self, path: str, limit: int) -> bytes:
        with self._client.open(path, "rb") as file:
            file.prefetch(min(limit + 1, file.stat().st_size or 0))
            return file.read(limit + 1)


class ShellFiles:
    """By `cat` in a shell: any server that runs commands has it."""

    def __init__(self, open_channel: Callable[[], paramiko.Channel]) -> None:
        self._open = open_channel

    def write(self, data: bytes, path: str, progress: Progress | None) -> None:
        with contextlib.closing(self._open()) as channel:
            channel.settimeout(TRANSFER_TIMEOUT_S)
            channel.exec_command(f"cat > {_word(path)} && wc -c < {_word(path)}")
            try:
                for begin in range(0, len(data), _CHUNK_BYTES):
                    channel.sendall(data[begin : begin + _CHUNK_BYTES])
                    if progress is not None:
                        progress(min(begin + _CHUNK_BYTES, len(data)))
                channel.shutdown_write()
            except OSError:
                if not channel.exit_status_ready():  # it is the connection; else `cat` says why below
                    raise
            out = _all_of(channel, 100)
            complaint = channel.recv_stderr(500).decode(errors="replace").strip()
            if _exit_code(channel) or out.strip() != str(len(data)).encode():
                raise OSError(
                    complaint or f"{out.decode(errors='replace').strip()} of {len(data)} bytes arrived"
                )

    def read(self, path: str, limit: int) -> bytes:
        with contextlib.closing(self._open()) as channel:
            channel.settimeout(TRANSFER_TIMEOUT_S)
            channel.exec_command(f"cat < {_word(path)}")
            data = _all_of(channel, limit)
            if len(data) > limit:  # the rest is not taken; closing the channel ends `cat`
                return data[: limit + 1]
            complaint = channel.recv_stderr(500).decode(errors="replace").strip()
            if _exit_code(channel):
                raise OSError(complaint)
            return data


def _word(path: str) -> str:
    """A file named "-x" is no option."""
    return shlex.quote(path if path.startswith("/") else f"./{path}")


def _all_of(channel: paramiko.Channel, limit: int) -> bytes:
    data = bytearray()
    while len(data) <= limit and (part := channel.recv(_CHUNK_BYTES)):
        data += part
    return bytes(data)


def _exit_code(channel: paramiko.Channel) -> int:
    """Waits for it no longer than for a byte; EOFError where the connection ended without one."""
    deadline = time.monotonic() + TRANSFER_TIMEOUT_S
    while not channel.exit_status_ready():
        if channel.closed:
            raise EOFError("the connection was closed")
        if time.monotonic() > deadline:
            raise TimeoutError("no exit status came")
        time.sleep(_POLL_S)
    code = channel.recv_exit_status()
    if code < 0:
        raise EOFError("the connection was closed")
    return code
