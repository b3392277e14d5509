"""Releases on a board: put there whole, checked, made current in one step, taken back.

    with locked(board, "push demo") as lock:
        release = push(lock, "demo", files_of("demo", runner=..., bundle=..., target="rpi4"))
        rollback(lock, "demo")

On the board, below ~/.spanbit (or SPANBIT_BOARD_DIR):

    lock/                                           who is at work, while somebody is (lock.py)
    demo/releases/<digest>/{spb_runner,demo.spb,target,SHA256SUMS}     never changed once they are there
    demo/current -> releases/<digest>               replaced in one step
    demo/history                                    what was current, and since when
"""

from spanbit_deploy.release.activate import activate, remove, remove_all, rollback
from spanbit_deploy.release.layout import KEEP, Release, Step, board_dir, files_of
from spanbit_deploy.release.listing import Listed, find_release, list_releases
from spanbit_deploy.release.lock import Lock, locked
from spanbit_deploy.release.push import prune, push, stage

__all__ = [
    "KEEP",
    "Listed",
    "Lock",
    "Release",
    "Step",
    "activate",
    "board_dir",
    "files_of",
    "find_release",
    "list_releases",
    "locked",
    "prune",
    "push",
    "remove",
    "remove_all",
    "rollback",
    "stage",
]
