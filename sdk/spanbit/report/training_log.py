"""What `spanbit train --csv` has written: a line an epoch, read back.

    log = read_training_log(data, "run.csv")
    log.layer_costs["conv1"], log.accuracy[-1]

The columns are those of `spanbit.nn.log`; a test writes a log there and reads it here.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from spanbit.errors import SpanbitError

_BEFORE_LAYERS = "cost"
"""The last column that every log has; behind it a column a layer."""


@dataclass(frozen=True)
class TrainingLog:
    """A training by epochs: accuracy on the images held back (None without them), cost, each layer's cost."""

    accuracy: tuple[float | None, ...]
    cost: tuple[float, ...]
    layer_costs: dict[str, tuple[float, ...]]


def read_training_log(data: bytes, where: str) -> TrainingLog:
    """The epochs of a log.

    Raises:
        SpanbitError: it is no such log, or no epoch has ended yet.
    """
    try:
        header, *lines = [row for row in csv.reader(io.StringIO(data.decode(), newline="")) if row]
        place = {name: column for column, name in enumerate(header)}
        layers = header[place[_BEFORE_LAYERS] + 1 :]
        accuracy = [row[place["accuracy"]] for row in lines]
        costs = {name: tuple(float(row[place[name]]) for row in lines) for name in (_BEFORE_LAYERS, *layers)}
        judged = tuple(float(text) if text else None for text in accuracy)
    except (ValueError, KeyError, IndexError, csv.Error) as failure:
        why = f"no column {failure}" if isinstance(failure, KeyError) else str(failure)
        raise _foreign(where, why) from failure
    if not lines:
        raise _foreign(where, "no epoch has ended yet")
    return TrainingLog(judged, costs.pop(_BEFORE_LAYERS), costs)


def _foreign(where: str, why: str) -> SpanbitError:
    fix = "write one with `spanbit train --csv`"
    return SpanbitError("not the log of a training", where=where, why=why, fix=fix)
