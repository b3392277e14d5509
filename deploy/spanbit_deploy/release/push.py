"""Puts a release on a board so that the one before it stays whole until the very last step.

    release = stage(lock, "demo", files)        # there and whole; what is current stays current
    release = push(lock, "demo", files)         # the same, and made current after its health check

A release is sent into a folder of another name, its files' SHA-256 are compared there, then the folder is
renamed. A file that another release on the board has already is copied there, not sent.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping

from spanbit.errors import SpanbitError

from spanbit_deploy.release.activate import activate, previous
from spanbit_deploy.release.check import CHECK_TIMEOUT_S
from spanbit_deploy.release.layout import (
    KEEP,
    MANIFEST,
    TARGET_FILE,
    Release,
    Step,
    board_dir,
    digest_of,
    manifest_of,
    root_of,
    sums_of,
)
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.release.lock import Lock, run_again
from spanbit_deploy.release.trust import check_signed, refuse_unsigned
from spanbit_deploy.release.verify import damage
from spanbit_deploy.toolchains import RUNNER_NAME

PushProgress = Callable[[int, int], None]
"""Called with the bytes sent and the bytes in all."""

# The lock is ours: whatever has a temporary name was left by somebody who is gone.
_SWEEP = """
mkdir -p "$2/releases" || exit 1
for f in "$1"/.*.tmp "$1"/*/.*.tmp "$1"/*/releases/.*.tmp; do
    if [ -e "$f" ] || [ -h "$f" ]; then rm -rf "$f"; fi
done
# Who waits for the lock has such a folder too, for a moment: those that a day has passed over are nobody's.
find "$1"/.lock.* -prune -mtime +0 -exec rm -rf {} + 2>/dev/null
exit 0
"""
# $1 the board's folder, $2 where to, then name and SHA-256 of each wanted file. Prints what it has copied.
_COPY = """
dir=$1 to=$2; shift 2
while [ $# -gt 1 ]; do
    for manifest in $(grep -lxF "$2  $1" "$dir"/*/releases/*/SHA256SUMS 2>/dev/null); do
        cp "${manifest%/*}/$1" "$to/$1" 2>/dev/null || continue
        sum=$(sums "${manifest%/*}/spb_runner" "$to/$1" | sed 's/^\\\\//' | cut -c1-64)
        if [ "$sum" = "$2" ]; then echo "$1"; break; fi
        rm -f "$to/$1"
    done
    shift 2
done
"""
_MODES = 'chmod 644 "$1"/* && chmod 755 "$1/$2"'
# Written out before the rename, else a power cut may leave a named release of empty files. A folder of this
# name was found damaged: it makes way.
_PLACE = """
write_out "$1/$3" "$1"/* "$1" || exit 1
if [ -e "$2" ]; then move "$2" "$1.old.tmp" || exit 1; fi
move "$1" "$2" || exit 1
rm -rf "$1.old.tmp"
write_out "$2/$3" "${2%/*}"
"""
# By name, since a board's clock may go wrong: $3 and on stay whatever their date is.
_PRUNE = """
cd "$1/releases" || exit 0
others=$2; shift 2
for stays in "$@"; do touch "$stays"; done
ls -1t | while read -r old; do
    for stays in "$@"; do [ "$old" = "$stays" ] && continue 2; done
    others=$((others - 1))
    [ "$others" -ge 0 ] && continue
    move "./$old" "./.$old.old.tmp" && rm -rf "./.$old.old.tmp"
done
"""


def push(
    lock: Lock,
    name: str,
    files: Mapping[str, bytes],
    *,
    progress: PushProgress | None = None,
    command: str = "",
    timeout: float = CHECK_TIMEOUT_S,
    keep: int = KEEP,
) -> Release:
    """Stages a release and makes it current.

    Args:
        files: of `files_of`.
        command: as for `activate`.
        timeout: seconds that a check may take.
        keep: releases that stay; the new one and the one before it do in any case.

    Raises:
        SpanbitError: BOARD: disk full, connection lost, altered on the way, ...; GOLDEN_MISMATCH.
            What was current is current.
    """
    release = stage(lock, name, files, progress=progress)
    activate(lock, release, command=command, timeout=timeout)
    prune(lock, release, keep)
    return release


def stage(
    lock: Lock,
    name: str,
    files: Mapping[str, bytes],
    *,
    progress: PushProgress | None = None,
) -> Release:
    """Puts a release on the board, whole; what is current stays so.

    Raises:
        SpanbitError: BOARD: disk full, connection lost, content altered on the way, ...
    """
    board, manifest = lock.board, manifest_of(files)
    digest = digest_of(manifest)
    target = files[TARGET_FILE].decode().strip()
    release = Release(name, digest, root_of(name), target)
    lock.reached(Step.SWEEP)
    lock.sh(_SWEEP, board_dir(), release.root, what="cannot make the release's folder")
    lock.reached(Step.LOOK)
    if f"{name}.spb.sig" not in files:
        refuse_unsigned(board, name)  # before anything is sent
    if not damage(board, release.folder, sums_of(manifest)):
        check_signed(board, release.folder, name)
    else:
        _send(lock, release, {**files, MANIFEST: manifest.encode()}, progress)
        release = Release(name, digest, release.root, target, uploaded=True)
    return release


def _send(lock: Lock, release: Release, files: Mapping[str, bytes], progress: PushProgress | None) -> None:
    board = lock.board
    temporary = f"{release.root}/releases/.{release.digest}.{secrets.token_hex(4)}.tmp"
    sums = sums_of(manifest_of(files))
    try:
        lock.sh('mkdir "$1"', temporary, what="cannot make a folder")
        pairs = [word for name in files if name != MANIFEST for word in (name, sums[name])]
        copied = set(lock.attempt(_COPY, board_dir(), temporary, *pairs).text.splitlines())
        lock.reached(Step.SEND)
        total, before = sum(map(len, files.values())), 0
        for name, data in files.items():
            if name not in copied:
                base = before
                report = None if progress is None else lambda sent, base=base: progress(base + sent, total)
                board.put(data, f"{temporary}/{name}", report)
            before += len(data)
            if progress is not None:
                progress(before, total)
        lock.reached(Step.VERIFY)
        lock.sh(_MODES, temporary, RUNNER_NAME, what="cannot make the runner a program")
        why = damage(board, temporary, sums)
        if why:
            raise board.failure(
                "the files arrived altered",
                where=temporary,
                why=why,
                fix="check the board's disk (SD card), then push again",
            )
        check_signed(board, temporary, release.name)
        lock.reached(Step.PLACE)
        lock.sh(_PLACE, temporary, release.folder, RUNNER_NAME, what="cannot put the release in place")
    except BaseException:
        with contextlib.suppress(SpanbitError):
            run_again(board, ("rm", "-rf", temporary))
        raise


def prune(lock: Lock, release: Release, keep: int = KEEP) -> None:
    """Leaves this release, the current one, the one that a rollback would take, and the newest others.

    Args:
        keep: how many in all, where these are fewer.
    """
    lock.reached(Step.PRUNE)
    current = current_digest(lock.board, release.name)
    before = previous(lock.board, release.name, current)
    stay = list(dict.fromkeys(digest for digest in (before, current, release.digest) if digest))
    lock.attempt(_PRUNE, release.root, str(max(0, keep - len(stay))), *stay)
