"""A virtual board with a disk, whose power is cut again and again.

    power = Power(folder, "name")
    power.boot(); power.remember()        # once: the machine's memory, its disk not in use, goes to a file
    power.on(); power.cut(); power.on()   # from that memory on; a boot takes several times longer

`cut` kills qemu: whatever the board's kernel had not yet written to the disk is lost, and nothing is told to
it.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import time
from pathlib import Path
from typing import Any

from spanbit_deploy.board import board_settings, down, status, up
from spanbit_deploy.transports import Ssh
from spanbit_deploy.watcher import Watcher

_REST = "umount /root/.spanbit && sync && echo 3 > /proc/sys/vm/drop_caches"
# The disk's journal is read as after a boot. A boot has a boot id of its own, and so has this ($1); what the
# kernel remembers of the disk from before would not be after a boot.
_WAKE = """
echo "$1" > /tmp/boot_id && mount -o bind /tmp/boot_id /proc/sys/kernel/random/boot_id || exit 1
echo 3 > /proc/sys/vm/drop_caches && mount -t ext4 /dev/vda /root/.spanbit
"""
_SAVE_TIMEOUT_S = 60.0


class Power:
    """The switch of one board."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name, self._disk = name, folder / "disk"
        self._memory, self._control = folder / "memory", folder / "control"
        self._starts = 0
        self._link: Ssh | None = None

    @property
    def board(self) -> Ssh:
        """The one connection to it, open: a new one takes an emulated processor a second."""
        assert self._link is not None
        return self._link

    def boot(self) -> None:
        """From nothing, as every board."""
        up(Watcher(), self._name, disk=self._disk, more=("-qmp", f"unix:{self._control},server=on,wait=off"))
        self._connect()

    def remember(self) -> None:
        """Writes the booted machine's memory to a file, and ends it."""
        done = self.board.run(("sh", "-c", _REST))
        assert done.exit_code == 0, done.stderr
        self.board.close()
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(self._control))
            with link.makefile("rw") as lines:
                lines.readline()  # the greeting
                _ask(lines, "qmp_capabilities")
                _ask(lines, "migrate-set-parameters", **{"max-bandwidth": 1 << 34})
                _ask(lines, "migrate", uri=f"exec:cat > {shlex.quote(str(self._memory))}")
                deadline = time.monotonic() + _SAVE_TIMEOUT_S
                while (state := _ask(lines, "query-migrate")["status"]) != "completed":
                    assert state != "failed" and time.monotonic() < deadline, state
                    time.sleep(0.05)
        self.cut()

    def on(self) -> None:
        """Goes on from the remembered memory, with the disk as it is now; nothing where it is on."""
        if status(self._name).running:
            return
        self._starts += 1
        more = ("-incoming", f"exec:cat {shlex.quote(str(self._memory))}")
        up(Watcher(), self._name, disk=self._disk, more=more)
        self._connect()
        done = self.board.run(("sh", "-c", _WAKE, "sh", f"start-{self._starts}"))
        assert done.exit_code == 0, done.stderr

    def cut(self) -> None:
        """No word of warning."""
        os.kill(status(self._name).pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while status(self._name).running:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def end(self) -> None:
        """For good."""
        if self._link is not None:
            self._link.close()
        down(self._name)

    def _connect(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = Ssh(board_settings(self._name))
        self._link.connect()


def _ask(lines: Any, what: str, **arguments: object) -> dict[str, Any]:
    """qemu's answer to a command of its machine protocol; events in between are passed over."""
    lines.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
    lines.flush()
    while True:
        said: dict[str, Any] = json.loads(lines.readline())
        assert "error" not in said, said
        if "return" in said:
            found: dict[str, Any] = said["return"]
            return found
