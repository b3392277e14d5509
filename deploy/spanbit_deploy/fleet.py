"""The same work on many boards at once; one that fails never blocks the others.

outcomes = on_all(boards, work, jobs=8, told=print)      # in the order of `boards`
remember(Path("boards.toml"), "push", outcomes)
failed_last(Path("boards.toml"), "push")                 # names, for --retry-failed
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spanbit.cli.files import write_atomic
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.inventory import Board
from spanbit_deploy.place import open_place
from spanbit_deploy.transports import Ssh, Transport

_POLL_S = 0.2

Work = Callable[[Transport, Board], dict[str, Any]]
"""Over an open connection; gives what is to be shown."""


@dataclass(frozen=True)
class Outcome:
    """What became of one board."""

    board: Board
    seconds: float
    data: dict[str, Any]  # of the work; empty where it failed
    error: SpanbitError | None

    @property
    def ok(self) -> bool:
        """Whether the work was done."""
        return self.error is None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        said: dict[str, Any] = {"board": self.board.name, "on": self.board.on, "ok": self.ok}
        if self.error is not None:
            error = self.error
            parts = {"error": error.what, "where": error.where, "why": error.why, "fix": error.fix}
            return {**said, **parts, "code": int(error.code)}
        return {**said, **self.data}


def on_all(
    boards: Sequence[Board],
    work: Work,
    *,
    jobs: int,
    told: Callable[[str], None] = lambda _: None,
    finished: Callable[[Sequence[Outcome]], None] = lambda _: None,
) -> list[Outcome]:
    """Does the work on each board, on `jobs` of them at a time. Nobody is asked for a password.

    Args:
        told: called with a line when a board is done.
        finished: called at the end with all outcomes, also where it was interrupted.

    Raises:
        KeyboardInterrupt: ctrl-C; connections are closed, what they had begun is tidied up, the rest is not
            tried.
    """
    open_now: dict[str, Transport] = {}
    stopped = threading.Event()
    done = 0

    def one(board: Board) -> Outcome:
        begin, data, failure = time.monotonic(), dict[str, Any](), None
        try:
            if stopped.is_set():
                raise _not_tried(board)
            with _place(board) as transport:
                open_now[board.name] = transport
                data = work(transport, board)
        except SpanbitError as error:
            failure = error
        except Exception as error:  # a mistake of ours on one board is none of the others'
            what = f"internal error: {type(error).__name__}: {error}"
            failure = SpanbitError(what, where=board.on, code=ExitCode.INTERNAL)
        finally:
            open_now.pop(board.name, None)
        return Outcome(board, time.monotonic() - begin, {} if failure else data, failure)

    with ThreadPoolExecutor(jobs, thread_name_prefix="spanbit-board") as pool:
        futures: list[Future[Outcome]] = [pool.submit(one, board) for board in boards]
        pending = set(futures)
        try:
            while pending:
                ready, pending = wait(pending, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                for future in ready:
                    outcome, done = future.result(), done + 1
                    state = "done" if outcome.error is None else f"FAILED: {outcome.error.what}"
                    told(f"{done} of {len(boards)}: {outcome.board.name} {state}")
        except BaseException:
            stopped.set()
            for transport in list(open_now.values()):
                with contextlib.suppress(Exception):
                    transport.close()
            finished([future.result() for future in futures])
            raise
    outcomes = [future.result() for future in futures]
    finished(outcomes)
    return outcomes


def remember(inventory: Path, command: str, outcomes: Sequence[Outcome]) -> None:
    """Writes down who has failed, beside the inventory; boards without an outcome keep their last."""
    said = _read_memory(inventory)
    of_command = said.setdefault(command, {})
    for outcome in outcomes:
        of_command[outcome.board.name] = "" if outcome.error is None else outcome.error.what
    write_atomic(_memory(inventory), (json.dumps(said, indent=2) + "\n").encode())


def failed_last(inventory: Path, command: str) -> list[str]:
    """The boards whose last outcome of this command was a failure.

    Raises:
        SpanbitError: USAGE: there is none.
    """
    failed = [name for name, error in _read_memory(inventory).get(command, {}).items() if error]
    if not failed:
        raise SpanbitError(
            f"no board has failed at the last {command}",
            where=str(_memory(inventory)),
            fix="leave out --retry-failed",
            code=ExitCode.USAGE,
        )
    return failed


def _memory(inventory: Path) -> Path:
    return inventory.with_name(inventory.name + ".last.json")


def _read_memory(inventory: Path) -> dict[str, dict[str, str]]:
    try:
        said = json.loads(_memory(inventory).read_text())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and all(isinstance(part, dict) for part in said.values()) else {}


def _place(board: Board) -> Transport:
    accept = board.host_key if board.on.startswith("ssh://") else ""
    place = open_place(board.on, accept_host_key=accept)
    if board.key and isinstance(place, Ssh):
        key = Path(board.key).expanduser()
        place.settings = replace(place.settings, identity_files=(key, *place.settings.identity_files))
    return place


def _not_tried(board: Board) -> SpanbitError:
    return SpanbitError("not tried", where=board.on, code=ExitCode.INTERRUPTED)
