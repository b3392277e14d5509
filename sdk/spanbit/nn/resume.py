"""The state of a training between two epochs, as a file: what a killed run goes on from.

    save_state(path, TrainState(...))
    state = load_state(path, config)

All that decides how it goes on is in it, the random states too: the same network comes out as without the
stop, bit by bit on a CPU. Written in one step, so that a kill at any moment leaves the state before or that
after it.
"""

from __future__ import annotations

import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spanbit.errors import SpanbitError
from spanbit.nn.config import TrainConfig

_FORMAT = "spanbit training state 1"
_FIX = "start again without --resume"


@dataclass(frozen=True)
class TrainState:
    """Where a training stands: everything as its owner's `state_dict` has it."""

    config: dict[str, Any]
    epoch: int  # finished
    net: dict[str, Tensor]
    optimizer: dict[str, Any]
    scaler: dict[str, Any]
    compressor: dict[str, Any]
    order: Tensor  # the generator of order and augmentation
    random: Tensor  # PyTorch's own
    best: dict[str, Any] | None  # "accuracy" and "net" of the best epoch so far


def save_state(path: Path, state: TrainState) -> None:
    """Write the state in one step.

    Raises:
        SpanbitError: the file cannot be written.
    """
    content = {"format": _FORMAT, **{name: getattr(state, name) for name in TrainState.__annotations__}}
    part = path.with_name(f".{path.name}.part")  # what a kill leaves of it, the next state overwrites
    try:
        torch.save(content, part)
        os.replace(part, path)
    except (OSError, RuntimeError) as failure:
        raise SpanbitError(
            "cannot write the training's state",
            where=str(path),
            why=str(failure).partition("\n")[0],
            fix="check the folder and the disk",
        ) from failure


def load_state(path: Path, config: TrainConfig) -> TrainState | None:
    """The state in `path`, or None where there is no such file.

    Raises:
        SpanbitError: it is no such state, or that of a training asked for otherwise.
    """
    if not path.exists():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
            raise ValueError(f"it does not say {_FORMAT!r}")
        state = TrainState(**content)
    except (
        OSError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
    ) as failure:
        reason = str(failure).partition("\n")[0] or type(failure).__name__
        raise SpanbitError("not the state of a training", where=str(path), why=reason, fix=_FIX) from failure
    asked = asdict(config)
    other = [name for name in asked if asked[name] != state.config.get(name)]
    if other:
        differences = ", ".join(f"{name} {state.config.get(name)} then, {asked[name]} now" for name in other)
        raise SpanbitError(
            "this training was begun otherwise",
            where=str(path),
            why=differences,
            fix=f"use the same options, or {_FIX}",
        )
    return state
