"""Puts a release on a board so that the one before it stays whole until the very last step.

    release = push(board, "demo", runner=runner_bytes, bundle=bundle_bytes)
    board.run((*board.emulator, release.runner, release.bundle))

On the board, below ~/.spanbit (or SPANBIT_BOARD_DIR):

    demo/releases/<digest>/{spb_runner,demo.spb}     never changed once they are there
    demo/current -> releases/<digest>                replaced in one step

A release is uploaded into a folder of another name, its files' size and SHA-256 are compared, then the
folder is renamed and `current` replaced. The last KEEP releases stay.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spanbit.errors import SpanbitError

from spanbit_deploy.toolchains import RUNNER_NAME
from spanbit_deploy.transports import Transport

KEEP = 3
BOARD_DIR = ".spanbit"
_DIGEST_CHARS = 16
_STALE_MINUTES = 60

PushProgress = Callable[[int, int], None]
"""Called with the bytes sent and the bytes in all."""


@dataclass(frozen=True)
class Release:
    """Where a release is on the board."""

    root: str  # of all releases of this name
    runner: str
    bundle: str
    uploaded: bool  # False: it was there, and is verified


def board_dir() -> str:
    """The folder on the board, relative to the home folder unless absolute."""
    return os.environ.get("SPANBIT_BOARD_DIR", BOARD_DIR)


def push(
    board: Transport, name: str, *, runner: bytes, bundle: bytes, progress: PushProgress | None = None
) -> Release:
    """Uploads what is not there yet, verifies it, makes it current and removes old releases.

    Raises:
        SpanbitError: BOARD: disk full, connection lost, content altered on the way, ...; `current` is
            what it was.
    """
    files = {RUNNER_NAME: runner, f"{name}.spb": bundle}
    digest = _digest(files)
    root = f"{board_dir()}/{name}"
    folder = f"{root}/releases/{digest}"
    _sh(board, 'mkdir -p "$1"', f"{root}/releases", what="cannot make the release's folder")
    _remove_stale(board, root)
    uploaded = not _is_whole(board, folder, files)
    if uploaded:
        _upload(board, folder, files, progress)
    # A link cannot be changed, but another one can be renamed over it; -T: never into the folder it names.
    _sh(
        board,
        'ln -s "releases/$2" "$1/.$3.tmp" && mv -fT "$1/.$3.tmp" "$1/current"',
        *(root, digest, secrets.token_hex(4)),
        what="cannot make the release current",
    )
    _prune(board, root, digest)
    return Release(root, f"{root}/current/{RUNNER_NAME}", f"{root}/current/{name}.spb", uploaded)


def _digest(files: Mapping[str, bytes]) -> str:
    parts = [f"{name} {hashlib.sha256(data).hexdigest()}\n" for name, data in files.items()]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:_DIGEST_CHARS]


def _upload(board: Transport, folder: str, files: Mapping[str, bytes], progress: PushProgress | None) -> None:
    parent, _, digest = folder.rpartition("/")
    temporary = f"{parent}/.{digest}.{secrets.token_hex(4)}.tmp"
    total = sum(map(len, files.values()))
    try:
        _sh(board, 'mkdir "$1"', temporary, what="cannot make a folder")
        before = 0
        for name, data in files.items():
            base = before
            report = None if progress is None else lambda sent, base=base: progress(base + sent, total)
            board.put(data, f"{temporary}/{name}", report)
            before += len(data)
        if not _is_whole(board, temporary, files):
            raise board.failure(
                "the files arrived altered",
                where=temporary,
                why="size or SHA-256 differ",
                fix="check the board's disk (SD card), then push again",
            )
        # Written out before the rename, else a power cut may leave a named release of empty files. A folder
        # of this name was found damaged: it makes way.
        script = 'chmod 755 "$1/$3" && chmod 644 "$1/$4" && sync && rm -rf "$2" && mv -T "$1" "$2"'
        _sh(board, script, temporary, folder, *files, what="cannot put the release in place")
    except BaseException:
        _clean(board, temporary)
        raise


def _is_whole(board: Transport, folder: str, files: Mapping[str, bytes]) -> bool:
    """Whether all files are there with their size and content."""
    paths = [f"{folder}/{name}" for name in files]
    script = 'for f in "$@"; do [ -f "$f" ] && wc -c < "$f" || exit 1; done; sha256sum "$@" || echo none'
    done = board.run(("sh", "-c", script, "sh", *paths))
    lines = done.text.splitlines()
    sizes, sums = lines[: len(files)], lines[len(files) :]
    if done.exit_code or [size.strip() for size in sizes] != [str(len(d)) for d in files.values()]:
        return False
    if sums == ["none"]:  # the board has no sha256sum: read back
        return all(board.get(p, len(d)) == d for p, d in zip(paths, files.values(), strict=True))
    wanted = [hashlib.sha256(data).hexdigest() for data in files.values()]
    return [line.split()[0].lstrip("\\") for line in sums if line.strip()] == wanted


def _clean(board: Transport, temporary: str) -> None:
    """Removes what a failed upload left, over a new connection where the old one is lost."""
    remove = ("rm", "-rf", temporary)
    with contextlib.suppress(SpanbitError):
        try:
            board.run(remove, timeout=10)
        except SpanbitError:
            board.close()
            board.connect()
            board.run(remove, timeout=10)


def _remove_stale(board: Transport, root: str) -> None:
    """What earlier uploads could not remove; young ones may be at work right now."""
    script = f'find "$1/releases" "$1" -maxdepth 1 -name ".*.tmp" -mmin +{_STALE_MINUTES} -exec rm -rf {{}} +'
    board.run(("sh", "-c", script, "sh", root))  # only tidying: its failure is none of the push


def _prune(board: Transport, root: str, digest: str) -> None:
    """Keeps the current release and the newest others; by name, since a board's clock may go wrong."""
    others = 'cd "$1/releases" && touch "$2" && ls -1t | grep -vxF "$2" | tail -n +"$3"'
    script = f'{others} | while read -r old; do rm -rf "./$old"; done'
    board.run(("sh", "-c", script, "sh", root, digest, str(KEEP)))


def _sh(board: Transport, script: str, *arguments: str, what: str) -> None:
    done = board.run(("sh", "-c", script, "sh", *arguments))
    if done.exit_code:
        raise board.failure(what, where=arguments[0], why=done.complaint)
