"""Shows on standard error what goes on: a progress bar on a terminal, else a line a stage.

with shown_progress() as watcher:
    execute(..., watcher=watcher)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from spanbit_deploy.watcher import Watcher

_shown: list[Progress] = []
"""The bar on the terminal, while there is one: it makes way for a question."""


class _Bar(Watcher):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def stage(self, text: str) -> None:
        self._progress.update(self._task, description=escape(text), total=None, completed=0)

    def bytes_sent(self, sent: int, total: int) -> None:
        self._progress.update(self._task, completed=sent, total=total)


class _Lines(Watcher):
    def __init__(self, console: Console) -> None:
        self._console, self._last = console, ""

    def stage(self, text: str) -> None:
        if text != self._last:
            self._console.print(text, markup=False, highlight=False)
        self._last = text


@contextmanager
def shown_progress() -> Iterator[Watcher]:
    """A watcher that shows its stages; the bar is gone at the end."""
    console = Console(stderr=True, soft_wrap=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        _shown.append(progress)
        try:
            yield _Bar(progress)
        finally:
            _shown.remove(progress)


def asker() -> Callable[[str], str] | None:
    """Asks for a password on the terminal, unseen; None where nobody sits there."""
    return _ask if sys.stdin.isatty() and sys.stderr.isatty() else None


def _ask(what: str) -> str:
    for progress in _shown:
        progress.stop()
    try:
        return str(click.prompt(what, default="", show_default=False, hide_input=True, err=True))
    finally:
        for progress in _shown:
            progress.start()
