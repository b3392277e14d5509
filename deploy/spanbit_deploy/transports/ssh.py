"""A board over SSH: commands by exec, files by SFTP or a shell (ssh_files.py), keys checked (host_keys.py).

with Ssh(settings_of("ssh://pi@raspberrypi.local")) as board:
    print(board.run(("uname", "-a")).text)
"""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import paramiko
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.transports.base import OUTPUT_MAX, RUN_TIMEOUT_S, Progress, Result, Transport
from spanbit_deploy.transports.heartbeat import Heartbeat
from spanbit_deploy.transports.host_keys import AcceptOnly, changed_key, load_known, refuse_revoked
from spanbit_deploy.transports.login import CHANNEL_TIMEOUT_S, log_in
from spanbit_deploy.transports.ssh_files import Files, SftpFiles, ShellFiles
from spanbit_deploy.transports.ssh_settings import SshSettings

_POLL_S = 0.01
_CHUNK_BYTES = 32768
# The process' number comes first, so that a command can be killed; a shell's start files may print before it.
_MARK = b"spanbit-process "
_START = f'echo "{_MARK.decode()}$$"; exec "$@"'

# paramiko's threads log a lost connection with a traceback; it is an error of ours by then.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_T = TypeVar("_T")


class Ssh(Transport):
    """One connection, with the hosts that it jumps over."""

    def __init__(self, settings: SshSettings) -> None:
        self.name = settings.name
        self.emulated, self.counted = settings.emulated, settings.counted
        self.settings = settings
        self._clients: list[paramiko.SSHClient] = []  # jumps first, the board last
        self._heartbeats: list[Heartbeat] = []
        self._by: Files | None = None

    def connect(self) -> None:
        try:
            self._clients.append(self._client(self.settings))
        except BaseException:
            self.close()
            raise

    def run(self, command: Sequence[str], *, timeout: float = RUN_TIMEOUT_S) -> Result:
        with self._lost_means_error(f"running {command[0]}"):
            channel = self._open(lambda link: link.open_session(timeout=CHANNEL_TIMEOUT_S))
            with contextlib.closing(channel):
                channel.exec_command(shlex.join(("sh", "-c", _START, "sh", *command)))
                channel.shutdown_write()
                out, err = bytearray(), bytearray()
                try:
                    self._follow(channel, out, err, command, timeout)
                except (SpanbitError, KeyboardInterrupt):
                    self._kill(bytes(out))
                    raise
                return Result(channel.recv_exit_status(), _behind_mark(bytes(out)), bytes(err))

    def _follow(
        self,
        channel: paramiko.Channel,
        out: bytearray,
        err: bytearray,
        command: Sequence[str],
        timeout: float,
    ) -> None:
        """Collects both outputs until the command has ended."""
        deadline = time.monotonic() + timeout
        while True:
            ended = channel.exit_status_ready() and (channel.eof_received or channel.closed)
            if channel.recv_ready():
                out += channel.recv(_CHUNK_BYTES)
            elif channel.recv_stderr_ready():
                err += channel.recv_stderr(_CHUNK_BYTES)
            elif ended:
                return
            elif channel.closed or not self._alive():
                raise EOFError("the connection was closed")
            else:
                time.sleep(_POLL_S)
            if len(out) + len(err) > OUTPUT_MAX:
                raise self.too_much(command)
            if time.monotonic() > deadline:
                raise self.too_late(command, timeout)

    def _kill(self, out: bytes) -> None:
        """Ends the command on the board; closing a channel would let it calculate on."""
        number = out.partition(_MARK)[2].partition(b"\n")[0]
        if not number.isdigit():
            return
        with contextlib.suppress(Exception):
            channel = self._open(lambda link: link.open_session(timeout=5))
            with contextlib.closing(channel):
                channel.settimeout(5)
                channel.exec_command(f"kill -9 {number.decode()}")
                channel.recv(1)  # until it has ended

    def put(self, data: bytes, path: str, progress: Progress | None = None) -> None:
        with self._lost_means_error(f"sending {path}"):
            try:
                self._files().write(data, path, progress)
            except (EOFError, ConnectionError, TimeoutError, paramiko.SSHException):
                raise
            except OSError as error:
                if not self._alive():
                    raise EOFError("the connection was closed") from error
                raise self._unwritable(error, path, len(data)) from error

    def get(self, path: str, limit: int = OUTPUT_MAX) -> bytes:
        with self._lost_means_error(f"fetching {path}"):
            try:
                data = self._files().read(path, limit)
            except (EOFError, ConnectionError, TimeoutError, paramiko.SSHException):
                raise
            except OSError as error:
                if not self._alive():
                    raise EOFError("the connection was closed") from error
                why = error.strerror or str(error)
                raise self.failure("cannot read a file", where=path, why=why) from error
        if len(data) > limit:
            raise self.failure("the file is larger than expected", where=path, why=f"more than {limit} bytes")
        return data

    def close(self) -> None:
        self._by = None
        while self._heartbeats:
            self._heartbeats.pop().stop()
        while self._clients:
            with contextlib.suppress(Exception):
                self._clients.pop().close()

    def _client(self, settings: SshSettings) -> paramiko.SSHClient:
        """A client that is logged in; jumps are kept in self._clients."""
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(AcceptOnly(settings))
        load_known(client, settings)
        try:
            log_in(client, settings, self._socket(settings))
            link = client.get_transport()
            assert link is not None
            refuse_revoked(settings, link.get_remote_server_key())
            self._heartbeats.append(Heartbeat(link, interval=settings.alive_interval))
        except BaseException as error:
            client.close()
            raise _no_entry(settings, error) from error
        return client

    def _socket(self, settings: SshSettings) -> socket.socket | paramiko.Channel | paramiko.ProxyCommand:
        address = (settings.host, settings.port)
        if settings.jump is not None:
            jump = self._client(settings.jump)
            self._clients.append(jump)
            link = jump.get_transport()
            assert link is not None
            return link.open_channel("direct-tcpip", address, ("", 0), timeout=settings.connect_timeout)
        if settings.proxy_command:
            return paramiko.ProxyCommand(settings.proxy_command)
        return socket.create_connection(address, timeout=settings.connect_timeout)

    def _alive(self) -> bool:
        link = self._clients[-1].get_transport() if self._clients else None
        return link is not None and link.is_active()

    def _open(self, opener: Callable[[paramiko.Transport], _T]) -> _T:
        link = self._clients[-1].get_transport() if self._clients else None
        if link is None or not link.is_active():
            raise EOFError("the connection was closed")
        return opener(link)

    def _files(self) -> Files:
        if self._by is None:
            try:
                channel = self._open(lambda link: link.open_session(timeout=CHANNEL_TIMEOUT_S))
                channel.settimeout(CHANNEL_TIMEOUT_S)
                channel.invoke_subsystem("sftp")
                self._by = SftpFiles(paramiko.SFTPClient(channel))
            except (paramiko.SSHException, EOFError):
                if not self._alive():
                    raise
                # The server has no SFTP.
                self._by = ShellFiles(
                    lambda: self._open(lambda link: link.open_session(timeout=CHANNEL_TIMEOUT_S))
                )
        return self._by

    def _unwritable(self, error: OSError, path: str, size: int) -> SpanbitError:
        """SFTP says "Failure" for a full disk; the board is asked for its free space."""
        why, fix = error.strerror or str(error), "check the permissions of the folder on the board"
        with contextlib.suppress(SpanbitError, IndexError, ValueError):
            folder = path.rpartition("/")[0] or "."
            free = int(self.run(("df", "-Pk", folder)).text.splitlines()[-1].split()[3]) * 1024
            if free < size:
                why, fix = (
                    f"no space is left: {free:,} bytes free, {size:,} needed",
                    "free space on the board",
                )
        return self.failure("cannot write", where=path, why=why, fix=fix)

    @contextlib.contextmanager
    def _lost_means_error(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError, paramiko.SSHException) as error:
            raise self.failure(
                f"the connection was lost while {doing}",
                why=str(error) or type(error).__name__,
                fix="check the board's power and network, then run the command again",
            ) from error


def _behind_mark(out: bytes) -> bytes:
    return out.partition(_MARK)[2].partition(b"\n")[2]


def _no_entry(settings: SshSettings, error: BaseException) -> BaseException:
    """Why no connection came about, as a SpanbitError where it is one."""
    if isinstance(error, paramiko.BadHostKeyException):
        return changed_key(settings, error)
    if not isinstance(error, (OSError, EOFError, paramiko.SSHException)):
        return error
    place = f"{settings.user}@{settings.host}:{settings.port}"
    why, fix = str(error) or type(error).__name__, "check that the board is on and that sshd runs there"
    code = ExitCode.BOARD
    if isinstance(error, paramiko.PasswordRequiredException):
        why, fix = "the key has a passphrase", "add it to the agent: ssh-add; on a terminal it is asked for"
    elif isinstance(error, paramiko.AuthenticationException) or "No authentication" in why:
        why, fix = (
            f"{place} takes none of our keys ({why})",
            f"ssh-copy-id -p {settings.port} {place.rpartition(':')[0]}",
        )
    elif isinstance(error, socket.gaierror):
        why, fix = (
            f"no host {settings.host!r} is known ({error.strerror})",
            "check the name, or use the IP address",
        )
    elif isinstance(error, TimeoutError):
        why, code = f"{place} did not answer within {settings.connect_timeout:g} s", ExitCode.TIMEOUT
    elif isinstance(error, OSError):
        why = f"{place}: {error.strerror or error}"
    return SpanbitError("cannot connect", where=settings.name, why=why, fix=fix, code=code)
