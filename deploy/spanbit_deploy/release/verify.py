"""Whether the files of a release are on the board as they should be: SHA-256, calculated there.

why = damage(board, "demo/releases/0f3a...", {"demo.spb": "9f86..."})     # "": all is well
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from spanbit.errors import SpanbitError

from spanbit_deploy.release.layout import MANIFEST, Release, digest_of, sums_of
from spanbit_deploy.release.shell import shell_words
from spanbit_deploy.transports import Transport

_SUMS = """
cd "$1" 2>/dev/null || exit 1
shift
for f in "$@"; do [ -f "$f" ] || exit 1; done
sums ./spb_runner "$@" 2>/dev/null || command -v sha256sum > /dev/null || echo none
exit 0
"""


def damage(board: Transport, folder: str, sums: Mapping[str, str]) -> str:
    """What is wrong with the files there, "" if nothing.

    The board's `sha256sum` says so, else the runner among the files (one that was altered does not start, or
    says that it was); where that does not run there either, the files are read back.
    """
    done = board.run(shell_words(_SUMS, folder, *sums))
    if done.exit_code:
        return "a file is missing"
    lines = done.text.splitlines()
    if lines[-1:] == ["none"]:
        found = [hashlib.sha256(board.get(f"{folder}/{name}")).hexdigest() for name in sums]
    else:
        found = [line.partition(" ")[0].lstrip("\\") for line in lines if line.strip()]
    wrong = [name for name, sum_ in zip(sums, found, strict=False) if sum_ != sums[name]]
    if len(found) != len(sums):
        return "not every file could be read"
    return f"the SHA-256 of {', '.join(wrong)} is another" if wrong else ""


def check_stored(board: Transport, release: Release) -> dict[str, str]:
    """The SHA-256 of a release's files, verified by its own manifest, and that by its name.

    Raises:
        SpanbitError: BOARD: it is not there, or damaged.
    """
    manifest = _read_manifest(board, release)
    sums = sums_of(manifest)
    why = "" if sums and digest_of(manifest) == release.digest else f"its {MANIFEST} is another"
    why = why or damage(board, release.folder, sums)
    if why:
        raise board.failure(
            "the release is damaged",
            where=release.folder,
            why=why,
            fix="check the board's disk (SD card), then push it again",
        )
    return sums


def _read_manifest(board: Transport, release: Release) -> str:
    try:
        return board.get(f"{release.folder}/{MANIFEST}", 1 << 16).decode(errors="replace")
    except SpanbitError as error:
        if board.run(("test", "-d", release.folder)).exit_code == 0:
            return ""
        raise board.failure(
            f"{release.name} has no release {release.digest} on this board",
            fix=f"see what is there: spanbit releases {release.name} --on {board.name}",
        ) from error
