"""Trains a small network to a tree cost, in minutes on a laptop's CPU.

    result = train(TrainConfig("digits"), checkpoint="digits.pt")
    print(result.accuracy, result.cost, result.seconds)
    net, meta = load_checkpoint("digits.pt")

The network is dense at first, is compressed to the cost gradually while the learning rate is high
(`TrainConfig.method`), and settles afterwards. How long it trains is counted in epochs, never in seconds, so
that a seed gives the same network again (same PyTorch, same number of threads).
Give it no more threads than cores stand idle: two trainings on the same two cores wait for each other, and
each takes many times as long as alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from torch import nn

from spanbit.errors import SpanbitError
from spanbit.nn.bit_ops import dense_bit_ops
from spanbit.nn.checkpoint import ModelSpec, load_checkpoint, save_checkpoint
from spanbit.nn.compress import Compressor
from spanbit.nn.config import TrainConfig, usage, with_defaults
from spanbit.nn.data import DataSet, load
from spanbit.nn.distributed import joined
from spanbit.nn.evaluate import evaluate, images_of
from spanbit.nn.fit import Files, binary_layers, fit
from spanbit.nn.methods import make_compressor
from spanbit.nn.prune import nonzero_share
from spanbit.nn.tree_loss import trees_cost

__all__ = [
    "Files",
    "TrainConfig",
    "TrainResult",
    "checkpoint_meta",
    "evaluate",
    "load_checkpoint",
    "train",
]


@dataclass(frozen=True, eq=False)
class TrainResult:
    """A trained network in evaluation mode, and what was measured on the test images."""

    net: nn.Module
    spec: ModelSpec
    config: TrainConfig  # with the defaults filled in
    accuracy: float
    cost: float  # share of non-zero taps over the binary convolutions
    tree_cost: float  # total distance of the minimum spanning trees over all taps
    seconds: float
    class_names: tuple[str, ...]


def train(
    config: TrainConfig,
    *,
    checkpoint: str | Path | None = None,
    data: DataSet | None = None,
    compressor: Compressor | None = None,
    files: Files | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Train, measure in evaluation mode, and save to `checkpoint` if it is given.

    Under torchrun every process calls this; the first one writes.

    Args:
        data: the data set, if it is loaded already.
        compressor: one of your own, instead of the one that `config` names.
        files: a log, and a state to resume from.
        console: where the progress bar goes; none is drawn without it.

    Raises:
        SpanbitError: the data set is missing or unknown, a file cannot be written, `config.start` or the
            state does not fit, or the cost is out of reach.
    """
    begin = time.perf_counter()
    data = data if data is not None else load(config.dataset, config.folder)
    config = with_defaults(replace(config, dataset=data.name))
    if config.bit_ops is not None:
        config = replace(config, cost=_cost_of(config.bit_ops, config, data))
    if compressor is None:
        compressor = make_compressor(config.method, config.cost, mixed=config.mixed)
    spec = replace(_spec(config, data), weights=compressor.weights)
    with joined(config.device, config.batch or 1) as group, _reproducible(config):
        net = spec.build()
        if config.start is not None:
            _take_over(net, config.start)
        net.to(group.device)
        fit(net, compressor, config, data, group, files or Files(), console if group.first else None)
        net.cpu()
        accuracy = evaluate(net, images_of(data.test_images), torch.from_numpy(data.test_labels))
    layers = list(binary_layers(net).values())
    result = TrainResult(
        net=net.eval(),
        spec=spec,
        config=config,
        accuracy=accuracy,
        cost=nonzero_share(layers),
        tree_cost=trees_cost(layers),
        seconds=time.perf_counter() - begin,
        class_names=data.class_names,
    )
    if checkpoint is not None and group.first:
        save_checkpoint(checkpoint, net, spec, checkpoint_meta(result))
    return result


def _spec(config: TrainConfig, data: DataSet) -> ModelSpec:
    return ModelSpec(
        input_shape=data.input_shape,
        classes=len(data.class_names),
        width=config.width,
        mean=data.mean,
        std=data.std,
        weights="binary",
        network=config.network,
    )


def _cost_of(bit_ops: int, config: TrainConfig, data: DataSet) -> float:
    """The share of taps that makes so many bit-OPs where every layer has it."""
    with torch.random.fork_rng(devices=[]):
        dense = dense_bit_ops(_spec(config, data).build(), data.input_shape)
    if bit_ops > dense:
        raise usage(f"{bit_ops} bit-OPs, the network has {dense}", "ask for fewer, or for a wider network")
    return bit_ops / dense


def _take_over(net: nn.Module, path: str) -> None:
    """The weights of a checkpoint, for a network of the same layers; what was zero may grow back."""
    state = load_checkpoint(path)[0].state_dict()
    state.update({key: torch.ones_like(mask) for key, mask in state.items() if key.endswith(".mask")})
    try:
        net.load_state_dict(state)
    except RuntimeError as failure:
        raise SpanbitError(
            "this checkpoint is of another network",
            where=path,
            why=str(failure).strip().splitlines()[-1].strip(),
            fix="use the data set and the --width that it was trained with",
        ) from failure


def checkpoint_meta(result: TrainResult) -> dict[str, object]:
    """What a checkpoint says of its training: the figures and the whole configuration."""
    return {
        "accuracy": result.accuracy,
        "cost": result.cost,
        "tree_cost": result.tree_cost,
        "seconds": result.seconds,
        "class_names": list(result.class_names),
        "config": asdict(result.config),
    }


@contextmanager
def _reproducible(config: TrainConfig) -> Iterator[None]:
    """Seed and thread count as `config` says; the caller's threads, random state and rules come back."""
    threads, rules = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            torch.set_num_threads(config.threads)
            # On a GPU some steps have no deterministic form; there it is a warning.
            torch.use_deterministic_algorithms(True, warn_only=config.device != "cpu")
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(rules)
