"""Makes a release current, and takes that back where its health check fails.

    activate(lock, release)          # checks its files and golden outputs first; then one rename
    rollback(lock, "demo")           # what was current before
    remove(lock, "demo", [release])

What was current and good stands in `demo/history`, a line each: seconds, digest, who.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import replace

from spanbit.errors import SpanbitError

from spanbit_deploy.release.check import CHECK_TIMEOUT_S, check_golden
from spanbit_deploy.release.layout import Release, Step, is_digest, root_of
from spanbit_deploy.release.listing import current_digest, list_releases, target_of
from spanbit_deploy.release.lock import Lock
from spanbit_deploy.release.trust import check_signed
from spanbit_deploy.release.verify import check_stored
from spanbit_deploy.transports import Transport

_HISTORY_LINES = 100
# A link cannot be changed, but another one can be renamed over it.
_SWITCH = """
ln -s "releases/$2" "$1/.current.$3.tmp" || exit 1
replace "$1/.current.$3.tmp" "$1/current" "$1/releases/$2/spb_runner" "$1"/releases/*/spb_runner
"""
_RECORD = f"""
{{ tail -n {_HISTORY_LINES} "$1/history" 2>/dev/null; echo "$(now) $2"; }} > "$1/.history.$3.tmp" &&
mv -f "$1/.history.$3.tmp" "$1/history" && touch "$1/releases/$2" || exit 1
write_out "$1/releases/$2/spb_runner" "$1" "$1/history"
"""
_REMOVE = 'move "$1/releases/$2" "$1/releases/.$2.$3.tmp" && rm -rf "$1/releases/.$2.$3.tmp"'


def activate(lock: Lock, release: Release, *, command: str = "", timeout: float = CHECK_TIMEOUT_S) -> None:
    """Makes a release current that is on the board.

    Args:
        command: a shell command of the user's that must succeed on the board afterwards, with the current
            release's folder in $1.
        timeout: seconds that each check may take.

    Raises:
        SpanbitError: GOLDEN_MISMATCH, BOARD, TIMEOUT: the release is damaged, or a check failed: what was
            current before is current again.
    """
    board = lock.board
    release = replace(release, target=release.target or target_of(board, release))
    before = current_digest(board, release.name)
    lock.reached(Step.CHECK)
    check_stored(board, release)
    check_signed(board, release.folder, release.name)
    check_golden(board, release.folder, release, timeout=timeout)
    lock.reached(Step.SWITCH)
    try:
        _switch(lock, release.root, release.digest)
        lock.reached(Step.CONFIRM)
        check_golden(board, f"{release.root}/current", release, timeout=timeout)
        if command:
            _run_command(board, command, f"{release.root}/current", timeout)
    except BaseException as error:
        _return(lock, release, before, error)
        raise
    lock.reached(Step.RECORD)
    lock.sh(_RECORD, release.root, release.digest, _word(), what="cannot write the history", timeout=120)


def rollback(lock: Lock, name: str, *, command: str = "", timeout: float = CHECK_TIMEOUT_S) -> Release:
    """Makes current what was current before, and was good.

    Raises:
        SpanbitError: BOARD: there is no such release; else as `activate`.
    """
    target = previous(lock.board, name, current_digest(lock.board, name))
    if not target:
        raise lock.board.failure(
            f"there is no earlier release of {name} to go back to",
            fix=f"see what is there: spanbit releases {name} --on {lock.board.name}",
        )
    release = Release(name, target, root_of(name))
    activate(lock, release, command=command, timeout=timeout)
    return release


def previous(board: Transport, name: str, current: str) -> str:
    """The digest that was current before `current` and is still there, "" if there is none."""
    lines = board.run(("cat", f"{root_of(name)}/history")).text.splitlines()
    digests = [line.partition(" ")[2] for line in lines]
    there = {listed.digest for listed in list_releases(board, name)} - {current}
    return next((digest for digest in reversed(digests) if is_digest(digest) and digest in there), "")


def remove(lock: Lock, name: str, releases: Sequence[Release]) -> None:
    """Removes releases, not the current one.

    Raises:
        SpanbitError: BOARD: one is current, or it cannot be removed; those before it are gone.
    """
    current = current_digest(lock.board, name)
    if any(release.digest == current for release in releases):
        raise lock.board.failure(
            f"{current} is the current release of {name}",
            why="the board would be left without one",
            fix=f"make another one current first (spanbit activate), or remove all of {name} with --all",
        )
    for release in releases:
        lock.sh(_REMOVE, release.root, release.digest, _word(), what="cannot remove the release")


def remove_all(lock: Lock, name: str) -> None:
    """Removes everything of this name, the current release too.

    Raises:
        SpanbitError: BOARD: there is nothing, or it cannot be removed.
    """
    script = '[ -d "$1/releases" ] && move "$1" "$2" && rm -rf "$2"'
    root = root_of(name)
    away = f"{root.rpartition('/')[0]}/.{name}.{_word()}.tmp"
    lock.sh(script, root, away, what=f"cannot remove {name}")


def _run_command(board: Transport, command: str, folder: str, timeout: float) -> None:
    done = board.run(("sh", "-c", command, "sh", folder), timeout=timeout)
    if done.exit_code:
        said = done.complaint or done.text.strip()[-500:]
        why = f"exit code {done.exit_code}" + (f": {said}" if said else "")
        raise board.failure("the check of the current release failed", where=command, why=why)


def _switch(lock: Lock, root: str, digest: str) -> None:
    lock.sh(_SWITCH, root, digest, _word(), what="cannot make the release current")


def _return(lock: Lock, release: Release, before: str, error: BaseException) -> None:
    """Back to what was current, or else to the last that was good; the error says which it is."""
    root, note = release.root, ""
    good = before if before != release.digest else ""
    with contextlib.suppress(SpanbitError):
        good = good or previous(lock.board, release.name, release.digest)
    try:
        script = _SWITCH if good else 'rm -f "$1/current"'
        done = lock.undo(script, root, good, _word())
        note = f"{good} is current again" if good else "no release is current now"
        if done.exit_code:
            note = f"the way back failed too: {done.complaint}"
    except SpanbitError as failure:
        note = f"{release.digest} may be current: {failure.what}"
    if isinstance(error, SpanbitError):
        error.why = f"{error.why}; {note}" if error.why else note


def _word() -> str:
    return secrets.token_hex(4)
