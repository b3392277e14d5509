"""Trains a small network to a tree cost, in minutes on a laptop's CPU.

    result = train(TrainConfig("digits"), checkpoint="digits.pt")
    print(result.accuracy, result.cost, result.seconds)
    net, meta = load_checkpoint("digits.pt")

Adam with a cosine schedule; the network is dense at first, is compressed to the cost gradually while the
learning rate is high (`TrainConfig.method`), and settles afterwards. How long it trains is counted in epochs,
never in seconds, so that a seed gives the same network again (same PyTorch, same number of threads).
Give it no more threads than cores stand idle: two trainings on the same two cores wait for each other, and
each takes many times as long as alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional

from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn.augment import augment
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.bit_ops import dense_bit_ops
from spanbit.nn.checkpoint import ModelSpec, load_checkpoint, save_checkpoint
from spanbit.nn.compress import Compressor
from spanbit.nn.data import DataSet, load
from spanbit.nn.methods import METHODS, Method, make_compressor
from spanbit.nn.prune import nonzero_share
from spanbit.nn.tree_loss import trees_cost

__all__ = ["TrainConfig", "TrainResult", "checkpoint_meta", "evaluate", "load_checkpoint", "train"]


@dataclass(frozen=True)
class TrainConfig:
    """What to train and how. None stands for the data set's own default."""

    dataset: str = "digits"
    folder: str | None = None
    width: int = 32
    method: Method = "prune"  # how the network is compressed
    cost: float | None = 0.10  # what it is compressed to; None: not at all, binary
    bit_ops: int | None = None  # compress to so many instead, each layer alike; `cost` is then what it makes
    mixed: bool = False  # "tie" with weights -1, 0, +1 instead of -1, +1
    epochs: int | None = None
    batch: int | None = None
    rate: float | None = None
    seed: int = 0
    threads: int = 2
    start: str | None = None  # checkpoint to go on from, instead of random weights

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise _usage(f"method {self.method!r}", f"use one of {', '.join(METHODS)}")
        if self.mixed and self.method != "tie":
            raise _usage(f"mixed weights with method {self.method!r}", "they are an option of tie")
        if self.cost is not None and not 0 < self.cost <= 1:
            raise _usage(f"cost {self.cost}", "use a share above 0, up to 1, or none at all")
        if self.bit_ops is not None and (self.bit_ops < 1 or self.method == "none"):
            raise _usage(
                f"{self.bit_ops} bit-OPs with method {self.method}", "ask for 1 or more, and a method"
            )
        counts = (self.width, self.threads, *(part for part in (self.epochs, self.batch) if part is not None))
        if min(counts) < 1 or (self.rate is not None and self.rate <= 0):
            raise _usage("a count below 1, or a rate of 0 or less", "see TrainConfig")


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


@dataclass(frozen=True)
class _Recipe:
    epochs: int
    batch: int
    rate: float
    shift: int
    mirror: bool


# Fashion-MNIST's rate was chosen on 5000 training images held back, after 4 epochs: 0.871, 0.878, 0.874 at
# 5e-3, 1e-2, 2e-2.
_RECIPES = {
    "digits": _Recipe(epochs=40, batch=64, rate=5e-3, shift=1, mirror=False),
    "fashion-mnist": _Recipe(epochs=5, batch=128, rate=1e-2, shift=0, mirror=True),
}


def train(
    config: TrainConfig,
    *,
    checkpoint: str | Path | None = None,
    data: DataSet | None = None,
    compressor: Compressor | None = None,
    console: Console | None = None,
) -> TrainResult:
    """Train, measure in evaluation mode, and save to `checkpoint` if it is given.

    Args:
        data: the data set, if it is loaded already.
        compressor: one of your own, instead of the one that `config` names.
        console: where the progress bar goes; none is drawn without it.

    Raises:
        SpanbitError: the data set is missing or unknown, the checkpoint cannot be written, `config.start`
            does not fit, or the cost is out of reach.
    """
    begin = time.perf_counter()
    data = data if data is not None else load(config.dataset, config.folder)
    recipe = _RECIPES.get(data.name, _RECIPES["digits"])
    config = replace(
        config,
        epochs=config.epochs or recipe.epochs,
        batch=config.batch or recipe.batch,
        rate=config.rate or recipe.rate,
    )
    if config.bit_ops is not None:
        config = replace(config, cost=_cost_of(config.bit_ops, config, data))
    if compressor is None:
        per_layer = config.bit_ops is not None
        compressor = make_compressor(config.method, config.cost, mixed=config.mixed, per_layer=per_layer)
    spec = ModelSpec(
        input_shape=data.input_shape,
        classes=len(data.class_names),
        width=config.width,
        mean=data.mean,
        std=data.std,
        weights=compressor.weights,
    )
    with _reproducible(config):
        net = spec.build()
        if config.start is not None:
            _take_over(net, config.start)
        _fit(net, compressor, config, recipe, data, console)
        accuracy = evaluate(net, _images(data.test_images), torch.from_numpy(data.test_labels))
    layers = _binary_layers(net)
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
    if checkpoint is not None:
        save_checkpoint(checkpoint, net, spec, checkpoint_meta(result))
    return result


@torch.no_grad()
def evaluate(net: nn.Module, images: Tensor, labels: Tensor, batch: int = 500) -> float:
    """The share of `images` (uint8 [N, C, H, W]) that `net` in evaluation mode classifies as `labels` say."""
    training = net.training
    net.eval()
    right = sum(
        int((net(part).argmax(1) == truth).sum())
        for part, truth in zip(torch.split(images, batch), torch.split(labels, batch), strict=True)
    )
    net.train(training)
    return right / len(labels)


def _fit(
    net: nn.Module,
    compressor: Compressor,
    config: TrainConfig,
    recipe: _Recipe,
    data: DataSet,
    console: Console | None,
) -> None:
    assert config.epochs is not None and config.batch is not None and config.rate is not None
    images, labels = _images(data.train_images), torch.from_numpy(data.train_labels)
    batch = min(config.batch, len(images))
    per_epoch = len(images) // batch
    steps = config.epochs * per_epoch
    generator = torch.Generator().manual_seed(config.seed)
    compressor.prepare(_binary_layers(net))
    optimizer = torch.optim.Adam(net.parameters(), lr=config.rate)
    net.train()
    with _bar(console) as progress:
        task = progress.add_task(f"training on {data.name}", total=steps, loss=math.nan)
        for step in range(steps):
            if step % per_epoch == 0:
                order = torch.randperm(len(images), generator=generator)
            compressor.step(step / steps)
            for group in optimizer.param_groups:
                group["lr"] = config.rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            place = step % per_epoch * batch
            chosen = order[place : place + batch]
            inputs = augment(images[chosen], shift=recipe.shift, mirror=recipe.mirror, generator=generator)
            loss = functional.cross_entropy(net(inputs), labels[chosen])
            optimizer.zero_grad()
            (loss + compressor.loss()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if step % 10 == 0:
                progress.update(task, completed=step, loss=float(loss.detach()))
        compressor.finish()
        progress.update(task, completed=steps)


def _cost_of(bit_ops: int, config: TrainConfig, data: DataSet) -> float:
    """The share of taps that makes so many bit-OPs where every layer has it."""
    with torch.random.fork_rng(devices=[]):
        net = ModelSpec(
            data.input_shape, len(data.class_names), config.width, data.mean, data.std, "binary"
        ).build()
        dense = dense_bit_ops(net, data.input_shape)
    if bit_ops > dense:
        raise _usage(f"{bit_ops} bit-OPs, the network has {dense}", "ask for fewer, or for a wider network")
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


def _binary_layers(net: nn.Module) -> list[BinaryConv2d]:
    return [layer for layer in net.modules() if isinstance(layer, BinaryConv2d)]


def _images(array: Any) -> Tensor:
    return torch.from_numpy(array).permute(0, 3, 1, 2)


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


def _bar(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=console is None,
    )


@contextmanager
def _reproducible(config: TrainConfig) -> Iterator[None]:
    """Seed and thread count as `config` says; the caller's threads, random state and rules come back."""
    threads, rules = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            torch.set_num_threads(config.threads)
            torch.use_deterministic_algorithms(True)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(rules)


def _usage(what: str, fix: str) -> SpanbitError:
    return SpanbitError(what, where="training", fix=fix, code=ExitCode.USAGE)
