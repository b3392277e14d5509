"""Runs a .tflite file on a board with whatever runtime its Python has.

found = run_tflite(board, Path("demo-int8.tflite"), plan=plan, install=False, timeout=120, watcher=watcher)
found.total.p50_ms

A board needs no Python for anything else. `install` makes a virtual environment in spanbit's folder on the
board and puts LiteRT there with pip, which needs the network; it stays for the next time.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanbit.cli.files import read_file
from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.execute import RunPlan
from spanbit_deploy.profile.stats import Stats, stats_of
from spanbit_deploy.release import board_dir
from spanbit_deploy.transports import Result, Transport
from spanbit_deploy.watcher import Watcher

_TIMER = Path(__file__).with_name("timer.py")
_PACKAGE = "ai-edge-litert"
_INSTALL_TIMEOUT_S = 900.0
_ASK_TIMEOUT_S = 60.0
_NS_MAX = 2**63 - 1


@dataclass(frozen=True)
class Versus:
    """What the other framework took; threads as the run that it stands beside."""

    path: str
    runtime: str  # "LiteRT 2.1.0"
    threads: int
    first_ms: float
    total: Stats
    total_ns: tuple[int, ...]


def run_tflite(
    board: Transport, model: Path, *, plan: RunPlan, install: bool, timeout: float, watcher: Watcher
) -> Versus:
    """Sends the model and times it.

    Raises:
        SpanbitError: BAD_INPUT: not such a file; BOARD: no Python there, or none with a runtime, and how to
            get it; TIMEOUT.
    """
    data = read_file(model)
    if data[4:8] != b"TFL3":
        raise SpanbitError(
            "not a TensorFlow Lite model",
            where=str(model),
            why="the mark TFL3 is missing",
            fix="make one: spanbit export BUNDLE --format tflite",
        )
    folder = f"{board_dir()}/.{secrets.token_hex(4)}.tmp"
    timer = f"{folder}/timer.py"
    _checked(board, board.run(("mkdir", "-p", folder)), "cannot make a folder")
    try:
        board.put(_TIMER.read_bytes(), timer)
        python = _python(board, timer, install=install, watcher=watcher)
        watcher.stage(f"sending {model.name}")
        board.put(data, f"{folder}/model.tflite", lambda sent: watcher.bytes_sent(sent, len(data)))
        watcher.stage(f"running {model.name} on {board.name}")
        numbers = (str(plan.rounds), str(plan.warmup), str(plan.threads))
        command = (*python, timer, f"{folder}/model.tflite", *numbers)
        if plan.cpus:
            command = ("taskset", "-c", plan.cpus, *command)
        done = board.run(command, timeout=timeout)
        _checked(board, done, f"the runtime failed on {model.name}")
        said = _said(board, done)
    finally:
        with contextlib.suppress(SpanbitError):
            board.run(("rm", "-rf", folder), timeout=10)
    times = _numbers(board, said.get("total_ns"), plan.rounds)
    first = _numbers(board, [said.get("first_ns")], 1)[0]
    stats = stats_of(times)
    assert stats is not None
    return Versus(str(model), _name(said), plan.threads, first / 1e6, stats, times)


def _python(board: Transport, timer: str, *, install: bool, watcher: Watcher) -> tuple[str, ...]:
    """The command that starts a Python with a runtime."""
    environment = f"{board_dir()}/venv"
    installed = (*board.python[:-1], f"{environment}/bin/python")
    watcher.stage(f"looking for LiteRT or tflite-runtime on {board.name}")
    answers: list[str] = []
    for python in (installed, board.python):
        # `env` says 127 where there is no such program; a transport alone might raise.
        done = board.run(("env", *python, timer, "", "0", "0", "1"), timeout=_ASK_TIMEOUT_S)
        if done.exit_code == 0 and _said(board, done).get("runtime"):
            return python
        answers.append("no runtime" if done.exit_code == 0 else done.complaint or f"exit {done.exit_code}")
    if not install:
        raise board.failure(
            "no TensorFlow Lite runtime on this board",
            why=f"its Python says: {answers[-1]}",
            fix=f"--versus-install puts {_PACKAGE} into {environment} there, or: pip install {_PACKAGE}",
        )
    watcher.stage(f"installing {_PACKAGE} on {board.name} (needs its network)")
    made = board.run((*board.python, "-m", "venv", environment), timeout=_INSTALL_TIMEOUT_S)
    _checked(board, made, "its Python makes no virtual environment (Debian: apt install python3-venv)")
    pip = board.run((*installed, "-m", "pip", "install", "-q", _PACKAGE), timeout=_INSTALL_TIMEOUT_S)
    _checked(board, pip, f"{_PACKAGE} cannot be installed there")
    return installed


def _checked(board: Transport, done: Result, what: str) -> None:
    if done.exit_code:
        raise board.failure(what, why=f"exit code {done.exit_code}: {done.complaint}")


def _said(board: Transport, done: Result) -> dict[str, Any]:
    """The last line; a runtime may print before it."""
    lines = done.text.strip().splitlines()
    try:
        said = json.loads(lines[-1] if lines else "")
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or said.get("versus") != 1:
        raise board.failure("the timer said something else", why=done.text[-200:])
    return said


def _name(said: dict[str, Any]) -> str:
    text = f"{said.get('runtime')} {said.get('version')}"
    return "".join(c for c in text[:60] if c.isprintable())


def _numbers(board: Transport, values: object, count: int) -> tuple[int, ...]:
    """A board is not trusted."""
    if (
        not isinstance(values, list)
        or len(values) != count
        or not all(type(value) is int and 0 <= value <= _NS_MAX for value in values)
    ):
        raise board.failure(f"the timer gave no {count} times", where="its answer")
    return tuple(values)


def check_versus(seconds: int, rounds: int) -> None:
    """Refuses what the timer cannot do.

    Raises:
        SpanbitError: USAGE.
    """
    if seconds:
        raise SpanbitError(
            "--seconds and --versus do not go together",
            why="both are timed for the same number of rounds",
            fix=f"ask for --rounds instead, say {10 * rounds}",
            code=ExitCode.USAGE,
        )
