"""One user at a time on a board: a folder `lock` with a name in it, made in one step.

    with locked(board, "push demo", wait=60, told=print) as lock:
        lock.sh('move "$1" "$2"', a, b, what="cannot move it")

The folder is made under another name, with its owner's name in it, and moved: a rename onto a folder that
is not empty fails, so there is never a lock without an owner. `mv` may also have moved it into the lock that
is there; so it is ours only where our own name stands in it. Who finds it taken waits. It is *stale*, and is
taken away, in four cases:

- the board was started again since (its boot id is another): no connection has outlived that;
- the process that took it ran on this very machine and has ended;
- it was not renewed for its lease, by the board's clock. Every step of its owner renews it;
- its file is empty: it is written before the rename, so the board's power was cut.

A clock may jump and a process may sleep for an hour, so `sh` looks again: a step whose lock has been taken
away is not done. What it would have spoiled is whole in any case (each step is one rename).
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.release.layout import Reached, Step, board_dir
from spanbit_deploy.release.shell import shell_words
from spanbit_deploy.transports import Result, Transport
from spanbit_deploy.transports.base import RUN_TIMEOUT_S

WAIT_S = 300.0
LEASE_S = 900.0
_POLL_S = 0.5
_LOST = 97  # exit code of a step whose lock is another's

_BOOT = 'boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo "")'
# $1 board's folder, $2 token, $3 owner, $4 process, $5 lease in minutes, $6 purpose.
_TAKE = f"""
mkdir -p "$1" && mkdir "$1/.lock.$2" || exit 1
{_BOOT}
now=$(now)
printf '%s\\n' "$2" "$3" "$4" "$5" "$6" "$boot" "$now" > "$1/.lock.$2/owner" || exit 1
sync "$1/.lock.$2/owner" 2>/dev/null
[ -e "$1/lock" ] || mv "$1/.lock.$2" "$1/lock" 2>/dev/null
[ "$(sed -n 1p "$1/lock/owner" 2>/dev/null)" = "$2" ] && exit 0
rm -rf "$1/.lock.$2" "$1/lock/.lock.$2"
cat "$1/lock/owner" 2>/dev/null || exit 2
printf '\n--\n%s\n%s\n' "$boot" "$now"
cat "$1/lock/renewed" 2>/dev/null
exit 3
"""
# $1 board's folder, $2 the token that was seen, $3 a word of ours. Another may have been quicker: then what
# was moved away is his, and goes back.
_TAKE_AWAY = """
gone="$1/.lock.$3"
[ "$(sed -n 1p "$1/lock/owner" 2>/dev/null)" = "$2" ] && move "$1/lock" "$gone" 2>/dev/null || exit 0
if [ "$(sed -n 1p "$gone/owner")" = "$2" ]; then rm -rf "$gone"; else move "$gone" "$1/lock"; fi
"""
# A full disk is no reason to stop: whoever tidies up makes room.
_GUARD = f"""[ "$(sed -n 1p "$1/lock/owner" 2>/dev/null)" = "$2" ] || exit {_LOST}
{{ now > "$1/lock/.renewed" && mv -f "$1/lock/.renewed" "$1/lock/renewed"; }} 2>/dev/null
shift 2
"""

Told = Callable[[str], None]
"""Called with a line for the user while one waits."""


@dataclass(frozen=True)
class _Owner:
    """What the lock's file says, and what the board says of now."""

    token: str
    who: str
    process: str
    purpose: str
    boot: str
    since: int
    boot_now: str
    now: int
    renewed: int
    lease_s: int

    @property
    def stale(self) -> bool:
        restarted = bool(self.boot and self.boot_now) and self.boot != self.boot_now
        expired = self.now - max(self.since, self.renewed) > self.lease_s
        return restarted or expired or _has_ended(self.process)

    def __str__(self) -> str:
        return f"{self.who} has it since {max(0, self.now - self.since)} s ({self.purpose})"


class Lock:
    """A held lock. All changes on the board go through `sh`."""

    def __init__(self, board: Transport, token: str, reached: Reached) -> None:
        self.board, self.reached = board, reached
        self._token = token

    def sh(
        self, script: str, *arguments: str, what: str, where: str = "", timeout: float = RUN_TIMEOUT_S
    ) -> Result:
        """Runs a script where the lock is still ours, and renews it.

        Raises:
            SpanbitError: BOARD: it failed (`what`), or the lock was taken away.
        """
        done = self.attempt(script, *arguments, timeout=timeout)
        if done.exit_code:
            place = where or (arguments[0] if arguments else "")
            raise self.board.failure(what, where=place, why=done.complaint)
        return done

    def attempt(self, script: str, *arguments: str, timeout: float = RUN_TIMEOUT_S) -> Result:
        """The same for a script that may fail."""
        return self._checked(self.board.run(self._words(script, arguments), timeout=timeout))

    def undo(self, script: str, *arguments: str) -> Result:
        """The same on the way back: over a new connection where the old one is lost."""
        return self._checked(run_again(self.board, self._words(script, arguments)))

    def _words(self, script: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
        return shell_words(_GUARD + script, board_dir(), self._token, *arguments)

    def _checked(self, done: Result) -> Result:
        if done.exit_code == _LOST:
            raise self.board.failure(
                "the lock on the board was taken away",
                why="this command did not renew it in time, or somebody removed it; nothing was done since",
                fix="run the command again",
            )
        return done

    def release(self) -> None:
        """Gives it back; over a new connection where the old one is lost."""
        with contextlib.suppress(SpanbitError):
            run_again(self.board, _take_away(self._token))


def run_again(board: Transport, words: tuple[str, ...]) -> Result:
    """Tidies up: runs a command, over a new connection where the old one is lost."""
    try:
        return board.run(words, timeout=10)
    except SpanbitError:
        board.close()
        board.connect()
        return board.run(words, timeout=10)


@contextlib.contextmanager
def locked(
    board: Transport,
    purpose: str,
    *,
    wait: float = WAIT_S,
    lease: float = LEASE_S,
    told: Told = lambda _: None,
    reached: Reached = lambda _: None,
) -> Iterator[Lock]:
    """Holds the board's lock over an open connection.

    Args:
        purpose: what others read who wait.
        wait: seconds to wait for others.
        lease: seconds without a step after which others may take it away.

    Raises:
        SpanbitError: TIMEOUT: another has it; BOARD: it cannot be written.
    """
    reached(Step.LOCK)
    lock = Lock(board, secrets.token_hex(8), reached)
    try:
        _take(board, lock, purpose, wait, lease, told)
        yield lock
        reached(Step.UNLOCK)
    finally:
        lock.release()


def _take_away(token: str) -> tuple[str, ...]:
    """The command that removes the lock of this token, and no other."""
    return shell_words(_TAKE_AWAY, board_dir(), token, secrets.token_hex(4))


def _take(board: Transport, lock: Lock, purpose: str, wait: float, lease: float, told: Told) -> None:
    deadline = time.monotonic() + wait
    minutes, tried = str(int(lease // 60) + 1), set[str]()
    words = (board_dir(), lock._token, _line(_who()), _process(), minutes, _line(purpose))
    while True:
        done = board.run(shell_words(_TAKE, *words))
        if done.exit_code == 0:
            return
        if done.exit_code == 1:
            raise board.failure("cannot write on the board", where=board_dir(), why=done.complaint)
        owner = _parse(done.text)
        if owner is not None and owner.stale:
            told(f"removing a stale lock: {owner}")
            board.run(_take_away(owner.token))
            if owner.token not in tried:  # else it cannot be removed: another's file
                tried.add(owner.token)
                continue
        if time.monotonic() > deadline:
            raise SpanbitError(
                "the board is in use",
                where=board.name,
                why=str(owner) if owner else "its lock cannot be read",
                fix="wait for it (--wait SECONDS); if that command is gone for good, remove the folder "
                f"{board_dir()}/lock on the board",
                code=ExitCode.TIMEOUT,
            )
        if owner is not None:
            told(f"waiting for the board: {owner.who}, {owner.purpose}")
        time.sleep(_POLL_S)


def _parse(text: str) -> _Owner | None:
    """None: it has gone meanwhile, or is not ours to understand."""
    said, _, board = text.replace("\0", "").rpartition("\n--\n")
    lines, (boot_now, now, renewed) = said.splitlines(), [*board.splitlines(), "", "", ""][:3]
    if not said.strip() and now.isdigit():
        return _Owner("", "nobody", "", "its file is empty", "", int(now), boot_now, int(now), 0, lease_s=-1)
    lines = [_line(line) for line in lines]
    if len(lines) < 7 or not all(number.isdigit() for number in (lines[3], lines[6], now)):
        return None
    token, who, process, minutes, purpose, boot, since = lines[:7]
    last = int(renewed) if renewed.isdigit() else 0
    return _Owner(token, who, process, purpose, boot, int(since), boot_now, int(now), last, 60 * int(minutes))


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)[:100]


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a process whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _process() -> str:
    """This process among those of all machines: boot id, name space, number, start. "": unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = os.stat("/proc/self/ns/pid").st_ino
        return f"{boot} {space} {os.getpid()} {_start(os.getpid())}"
    except OSError:
        return ""


def _start(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _has_ended(process: str) -> bool:
    """Whether it is a process of this machine that is no more; False where that cannot be known."""
    parts, own = process.split(), _process().split()
    if len(parts) != 4 or parts[:2] != own[:2] or not parts[2].isdigit():
        return False
    try:
        return _start(int(parts[2])) != parts[3]
    except OSError:
        return True
