"""Starts, finds and stops qemu. Each user has one virtual board, and more by name.

up(Watcher())
status()                                        # BoardStatus(pid=..., port=...)
up(Watcher(), "second", disk=Path("disk.img"))  # --on board:second
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spanbit.cbuild import cache_dir
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.board.image import HOST_KEY_NAME, Image, ensure_image, find_image
from spanbit_deploy.tools import apt_line, missing_tools
from spanbit_deploy.transports import Ssh, SshSettings
from spanbit_deploy.watcher import Watcher

QEMU = "qemu-system-aarch64"
TOOLS = {QEMU: "qemu-system-arm"}
_DISK_TOOLS = {"mke2fs": "e2fsprogs"}
_DISK_MIB = 64
_BOOT_TIMEOUT_S = 120.0
_ATTEMPT_S = 5.0
_STOP_TIMEOUT_S = 10.0
_ICOUNT = ("-icount", "shift=0,sleep=off")  # one instruction a nanosecond; idle time is skipped
_KERNEL_LINE = "console=ttyAMA0 quiet panic=-1"


@dataclass(frozen=True)
class BoardStatus:
    """A running board (pid and port), or none (both 0)."""

    pid: int
    port: int
    image: Path | None
    counted: bool = False  # its clock counts instructions

    @property
    def running(self) -> bool:
        return self.pid != 0


def up(
    watcher: Watcher,
    name: str = "",
    *,
    counted: bool = False,
    disk: Path | None = None,
    more: Sequence[str] = (),
) -> BoardStatus:
    """Boots the board unless it runs; returns when SSH answers.

    Args:
        name: of one more board than the user's first, which has none.
        counted: the board's clock counts executed instructions, one a nanosecond, and its performance
            counters are exact (qemu's -icount). The same program then takes the same time, whatever else
            this machine does.
        disk: file that keeps what is pushed; made where it is not there. Without it, the disk is memory.
        more: options for qemu.

    Raises:
        SpanbitError: BOARD: qemu is missing, the image cannot be built, or a board of the other kind runs;
            TIMEOUT: it does not answer.
    """
    tools = TOOLS if disk is None else {**TOOLS, **_DISK_TOOLS}
    absent = missing_tools(tools)
    if absent:
        raise SpanbitError(
            "the virtual board needs qemu" if QEMU in absent else "a disk cannot be made",
            why=f"not installed: {', '.join(absent)}",
            fix=f"{apt_line(tools, absent)}; or use --on host",
            code=ExitCode.BOARD,
        )
    with _alone():
        image = ensure_image(_folder(), watcher)
        found = status(name)
        if not found.running:
            watcher.stage("booting the virtual board")
            _start(image, name, counted=counted, disk=disk, more=more)
            found = status(name)
        elif counted and not found.counted:
            raise SpanbitError(
                "a virtual board that does not count instructions runs already",
                where=f"process {found.pid}",
                fix="stop it first: spanbit board down" + (f" --name {name}" if name else ""),
                code=ExitCode.BOARD,
            )
        try:
            _wait(watcher, name)
        except BaseException:
            down(name)
            raise
    return found


def down(name: str = "") -> bool:
    """Stops the board; False if none ran."""
    found = status(name)
    if not found.running:
        return False
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    while _is_ours(found.pid, name):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
            break
        time.sleep(0.05)
    _pid_file(name).unlink(missing_ok=True)
    return True


def status(name: str = "") -> BoardStatus:
    """What runs now."""
    image = find_image(_folder())
    folder = None if image is None else image.folder
    try:
        pid, port = int(_pid_file(name).read_text()), int(_port_file(name).read_text())
    except (OSError, ValueError):
        return BoardStatus(0, 0, folder)
    if not _is_ours(pid, name):
        return BoardStatus(0, 0, folder)
    return BoardStatus(pid, port, folder, counted=_ICOUNT[0].encode() in _command_of(pid))


def board_settings(name: str = "") -> SshSettings:
    """How to reach the running board.

    Raises:
        SpanbitError: BOARD: it does not run.
    """
    found, image = status(name), find_image(_folder())
    if not found.running or image is None:
        raise SpanbitError(
            "the virtual board does not run",
            where=f"board:{name}" if name else "",
            fix="start it: spanbit board up" + (f" --name {name}" if name else ""),
            code=ExitCode.BOARD,
        )
    return SshSettings(
        name=f"board:{name}" if name else "board",
        host="127.0.0.1",
        port=found.port,
        user="root",
        identity_files=(image.key,),
        agent=False,
        known_hosts=(image.known_hosts,),
        host_key_name=HOST_KEY_NAME,
        emulated=True,
        counted=found.counted,
    )


def _start(image: Image, name: str, *, counted: bool, disk: Path | None, more: Sequence[str]) -> None:
    _state(name).mkdir(exist_ok=True)
    if disk is not None and not disk.exists():
        _make_disk(disk)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command: tuple[str, ...] = (
        *(QEMU, "-M", "virt", "-cpu", "cortex-a72", "-smp", "1", "-m", "256", "-no-reboot"),
        *("-display", "none", "-monitor", "none", "-serial", f"file:{_console(name)}"),
        *(_ICOUNT if counted else ()),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", _KERNEL_LINE),
        # `restrict`: the guest reaches nothing but the one forwarded port.
        *("-netdev", f"user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *("-device", "virtio-net-device,netdev=n", "-daemonize", "-pidfile", str(_pid_file(name))),
    )
    if disk is not None:
        drive = ("-drive", f"file={disk},if=none,id=d,format=raw", "-device", "virtio-blk-device,drive=d")
        command = (*command, *drive)
    done = subprocess.run(
        (*command, *more), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise SpanbitError(
            "qemu does not start", where=QEMU, why=done.stderr.strip()[-500:], code=ExitCode.BOARD
        )
    _port_file(name).write_text(str(port))


def _make_disk(disk: Path) -> None:
    done = subprocess.run(
        ("mke2fs", "-q", "-t", "ext4", str(disk), f"{_DISK_MIB}m"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SpanbitError("cannot make the disk", where=str(disk), why=done.stderr.strip()[-500:])


def _wait(watcher: Watcher, name: str) -> None:
    """Until SSH answers."""
    deadline = time.monotonic() + _BOOT_TIMEOUT_S
    while True:
        begin = time.monotonic()
        settings = board_settings(name)  # raises where qemu has ended
        try:
            with Ssh(replace(settings, connect_timeout=_ATTEMPT_S)):
                return
        except SpanbitError as error:
            if time.monotonic() > deadline:
                raise SpanbitError(
                    f"the virtual board does not answer within {_BOOT_TIMEOUT_S:g} s",
                    where=str(_console(name)),
                    why=error.why,
                    fix="look at the end of that file; `spanbit board up` tries again",
                    code=ExitCode.TIMEOUT,
                ) from error
        # qemu's port takes connections before anybody listens behind it and closes them at once.
        time.sleep(max(0.0, 0.25 - (time.monotonic() - begin)))
        watcher.stage("waiting for the virtual board's SSH")


def _is_ours(pid: int, name: str) -> bool:
    """A process number may belong to another by now."""
    command = _command_of(pid)
    return QEMU.encode() in command and str(_pid_file(name)).encode() in command


def _command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two `up` at once: the second waits, then finds the first one's board."""
    _folder().mkdir(parents=True, exist_ok=True)
    with (_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _folder() -> Path:
    return cache_dir() / "virtual-board"


def _state(name: str) -> Path:
    """What belongs to one board; the image serves all of them."""
    return _folder() / f"board-{name}" if name else _folder()


def _pid_file(name: str) -> Path:
    return _state(name) / "qemu.pid"


def _port_file(name: str) -> Path:
    return _state(name) / "port"


def _console(name: str) -> Path:
    return _state(name) / "console.log"
