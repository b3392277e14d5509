"""Notices that the other end of a connection has gone without a word (power, cable, network).

heartbeat = Heartbeat(link, interval=15)
heartbeat.stop()

TCP alone would wait for many minutes. A request that each server answers is sent every `interval` seconds;
where no answer comes for MISSES intervals, the connection is closed, which ends whatever waits for it with an
error. It also keeps a router from forgetting the connection.
"""

from __future__ import annotations

import threading

import paramiko

MISSES = 3
_REQUEST = "keepalive@openssh.com"  # servers that do not know it answer too: that they do not


class Heartbeat:
    """One for each connection."""

    def __init__(self, link: paramiko.Transport, *, interval: float) -> None:
        self._link, self._interval = link, interval
        self._end = threading.Event()
        threading.Thread(target=self._beat, name="spanbit-heartbeat", daemon=True).start()

    def stop(self) -> None:
        """The connection is closed on purpose."""
        self._end.set()

    def _beat(self) -> None:
        while not self._end.wait(self._interval) and self._link.is_active():
            # Waits until it is answered or the connection is closed.
            watchdog = threading.Timer(self._interval * MISSES, self._link.close)
            watchdog.daemon = True
            watchdog.start()
            try:
                self._link.global_request(_REQUEST, wait=True)
            except (OSError, EOFError, paramiko.SSHException):
                return
            finally:
                watchdog.cancel()
