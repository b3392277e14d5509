"""A line an epoch: as CSV, and for TensorBoard where that is installed.

    with open_log(Path("run.csv"), layers=["conv1", "conv2"], done=0) as log:
        log(EpochLine(epoch=1, ...))

Columns: epoch, loss (mean over the epoch), accuracy (on the images held back; empty without), rate, seconds
(since the command began), cost, then each layer's cost by its name. TensorBoard's events go into a folder of
the file's name, without the ending.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanbit.errors import SpanbitError

COLUMNS = ("epoch", "loss", "accuracy", "rate", "seconds", "cost")


@dataclass(frozen=True)
class EpochLine:
    """What is known at the end of an epoch; costs are those of the trees over the weights then."""

    epoch: int
    loss: float
    accuracy: float | None
    rate: float
    seconds: float
    cost: float
    layer_costs: tuple[float, ...]


Log = Callable[[EpochLine], None]


@contextmanager
def open_log(path: Path | None, layers: Sequence[str], done: int) -> Iterator[Log]:
    """Something to call once an epoch. Lines of epochs after `done` are dropped: they are made again.

    Raises:
        SpanbitError: the file cannot be written.
    """
    if path is None:
        yield lambda _: None
        return
    try:
        before = _lines(path, done) if done else []
        with path.open("w", newline="") as file, _tensorboard(path.with_suffix(""), done) as board:
            writer = csv.writer(file)
            writer.writerow([*COLUMNS, *layers])
            writer.writerows(before)
            file.flush()

            def log(line: EpochLine) -> None:
                accuracy = "" if line.accuracy is None else f"{line.accuracy:.6f}"
                figures = (line.rate, line.seconds, line.cost, *line.layer_costs)
                writer.writerow(
                    [line.epoch, f"{line.loss:.6f}", accuracy, *(f"{figure:.6g}" for figure in figures)]
                )
                file.flush()
                board(line, layers)

            yield log
    except OSError as failure:
        raise SpanbitError(
            "cannot write the log", where=str(path), why=str(failure), fix="choose another --csv"
        ) from failure


def _lines(path: Path, done: int) -> list[list[str]]:
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [row for row in rows if row and row[0].isdigit() and int(row[0]) <= done]


@contextmanager
def _tensorboard(folder: Path, done: int) -> Iterator[Callable[[EpochLine, Sequence[str]], None]]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda _, __: None
        return
    writer: Any = SummaryWriter(str(folder), purge_step=done + 1)

    def add(line: EpochLine, layers: Sequence[str]) -> None:
        figures = {"loss": line.loss, "rate": line.rate, "cost": line.cost}
        if line.accuracy is not None:
            figures["accuracy"] = line.accuracy
        figures |= {f"cost/{name}": cost for name, cost in zip(layers, line.layer_costs, strict=True)}
        for name, value in figures.items():
            writer.add_scalar(name, value, line.epoch)
        writer.flush()

    try:
        yield add
    finally:
        writer.close()
