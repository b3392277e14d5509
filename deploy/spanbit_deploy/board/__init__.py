"""The virtual board: a Debian ARM kernel and a tiny userland under qemu, reached by real SSH on the loopback.

up(Watcher())                        # builds its image the first time, then boots: seconds
with Ssh(board_settings()) as board: ...
down()

packages.py fetches Debian packages without touching the host's, image.py makes a boot image of them,
machine.py starts and stops qemu.
"""

from spanbit_deploy.board.machine import BoardStatus, board_settings, down, status, up

__all__ = ["BoardStatus", "board_settings", "down", "status", "up"]
