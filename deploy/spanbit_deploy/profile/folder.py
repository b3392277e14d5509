"""A run's folder: what was measured, where, and what was said meanwhile.

with LoggedWatcher(watcher) as log: ...
write_folder(Path("runs/pi4"), profile, environment=read_environment(board), log=log.text())
"""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path

from spanbit.cli.files import write_atomic
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.profile.record import FILE_NAME, Profile, record_bytes
from spanbit_deploy.transports import Transport
from spanbit_deploy.watcher import Watcher

# Whatever of this is there is kept as it is said.
_ASKED = {
    "system": ("uname", "-a"),
    "model": ("sh", "-c", "tr -d '\\000' </proc/device-tree/model"),
    "release": ("sh", "-c", "cat /etc/os-release"),
    "cpu": ("sh", "-c", "cat /proc/cpuinfo"),
    "memory": ("sh", "-c", "cat /proc/meminfo"),
    "clock": ("cat", "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
}
_TEXT_MAX = 20_000


class LoggedWatcher(Watcher):
    """Passes everything on, and keeps the stages with their times."""

    def __init__(self, shown: Watcher) -> None:
        self._shown, self._begin = shown, time.monotonic()
        self._lines: list[str] = []

    def stage(self, text: str) -> None:
        self._lines.append(f"{time.monotonic() - self._begin:9.3f} s  {text}\n")
        self._shown.stage(text)

    def bytes_sent(self, sent: int, total: int) -> None:
        self._shown.bytes_sent(sent, total)

    def text(self) -> str:
        """A line a stage, seconds from the beginning on."""
        return "".join(self._lines)


def read_environment(board: Transport) -> dict[str, str]:
    """What the board says of itself, by name, and what this machine is."""
    said = {"host": f"{platform.platform()}, Python {platform.python_version()}", "place": board.name}
    for name, command in _ASKED.items():
        done = board.run(command, timeout=10)
        if done.exit_code == 0 and done.text.strip():
            said[name] = done.text.strip()[:_TEXT_MAX]
    return said


def check_folder(folder: Path) -> None:
    """Refuses a folder that holds something else than a run, before anything is measured for it.

    Raises:
        SpanbitError: USAGE.
    """
    if not folder.exists() or (folder / FILE_NAME).is_file():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise SpanbitError(
            "this is not the folder of a run",
            where=str(folder),
            why=f"there is something else in it, and no {FILE_NAME}"
            if folder.is_dir()
            else "it is not a folder",
            fix="name another --out",
            code=ExitCode.USAGE,
        )


def write_folder(folder: Path, profile: Profile, *, environment: dict[str, str], log: str) -> None:
    """Writes the three files; profile.json last, so that a folder which has one is whole."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpanbitError(
            "cannot make the run's folder", where=str(folder), why=error.strerror or str(error)
        ) from error
    write_atomic(folder / "environment.json", (json.dumps(environment, indent=1) + "\n").encode())
    write_atomic(folder / "log.txt", log.encode())
    write_atomic(folder / FILE_NAME, record_bytes(profile))
