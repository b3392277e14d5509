"""The loop over epochs and steps: what `train` does between making a network and measuring it.

Adam with a cosine schedule; the compressor is asked before every step and adds to the loss.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional

from spanbit.nn.augment import augment
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.compress import Compressor
from spanbit.nn.config import TrainConfig, defaults_of, usage
from spanbit.nn.data import DataSet
from spanbit.nn.distributed import Group
from spanbit.nn.evaluate import evaluate, images_of
from spanbit.nn.log import EpochLine, Log, open_log
from spanbit.nn.resume import TrainState, load_state, save_state
from spanbit.nn.tie import bake
from spanbit.nn.tree_loss import layer_tree


@dataclass(frozen=True)
class Files:
    """Where a training writes while it runs."""

    log: Path | None = None  # CSV, a line an epoch
    state: Path | None = None  # what it can be resumed from
    resume: bool = False  # go on from `state`, if it is there


def binary_layers(net: nn.Module) -> dict[str, BinaryConv2d]:
    """The binary convolutions by their names."""
    return {name: layer for name, layer in net.named_modules() if isinstance(layer, BinaryConv2d)}


def fit(
    net: nn.Module,
    compressor: Compressor,
    config: TrainConfig,
    data: DataSet,
    group: Group,
    files: Files,
    console: Console | None,
) -> None:
    """Train `net` as `config` says; its weights are then the last epoch's, or the best one's."""
    run = _Run(net, compressor, config, data, group)
    if files.resume and files.state is not None and (state := load_state(files.state, config)):
        run.restore(state)
    log_path = files.log if group.first else None
    with open_log(log_path, list(binary_layers(net)), run.epoch) as log, _bar(console) as progress:
        task = progress.add_task(f"training on {data.name}", total=run.steps, loss=math.nan)
        while run.epoch < run.epochs:
            run.train_epoch(lambda step, loss: progress.update(task, completed=step, loss=loss))
            run.close_epoch(log if log_path is not None else None)
            if files.state is not None and group.first:
                save_state(files.state, run.state())
    if run.best is not None:
        net.load_state_dict(run.best["net"])


class _Run:
    """A training: what it holds, an epoch of it, its state."""

    def __init__(
        self, net: nn.Module, compressor: Compressor, config: TrainConfig, data: DataSet, group: Group
    ) -> None:
        assert config.epochs is not None and config.batch is not None and config.rate is not None
        self.net, self.compressor, self.config, self.group = net, compressor, config, group
        self.border = defaults_of(data.name).border
        self.images, self.labels, self.judges = _split(data, config.held_back)
        self.batch, self.rate, self.epochs = min(config.batch, len(self.images)), config.rate, config.epochs
        self.batch -= self.batch % group.size
        self.per_epoch = len(self.images) // self.batch
        self.steps = self.epochs * self.per_epoch
        self.order = torch.Generator().manual_seed(config.seed)
        self.layers = binary_layers(net)
        compressor.prepare(list(self.layers.values()))
        self.model = group.wrapped(net)
        self.optimizer = torch.optim.Adam(net.parameters(), lr=self.rate)
        self.scaler = torch.amp.GradScaler(group.device.type, enabled=config.precision == "float16")
        self.epoch = 0
        self.loss_sum = 0.0
        self.best: dict[str, Any] | None = None
        self.begin = time.perf_counter()

    def train_epoch(self, show: Any) -> None:
        """All batches of one epoch; after the last one the compressor finishes."""
        self.net.train()
        order = torch.randperm(len(self.images), generator=self.order)
        losses = []
        for place in range(self.per_epoch):
            step = self.epoch * self.per_epoch + place
            chosen = order[place * self.batch :][: self.batch]
            losses.append(self._step(step / self.steps, chosen))
            if step % 10 == 0:
                show(step, float(losses[-1]))
        self.loss_sum = float(torch.stack(losses).sum())
        self.epoch += 1
        if self.epoch == self.epochs:
            self.compressor.finish()
            show(self.steps, float(losses[-1]))
        self.group.agree(self.net)

    def _step(self, progress: float, chosen: Tensor) -> Tensor:
        config, device = self.config, self.group.device
        self.compressor.step(progress)
        for settings in self.optimizer.param_groups:
            settings["lr"] = self._rate(progress)
        inputs = augment(
            self.images[chosen],
            shift=config.shift or 0,
            mirror=bool(config.mirror),
            generator=self.order,
            border=self.border,
            part=self.group.part,
        ).to(device)
        truth = self.labels[chosen[self.group.part]].to(device)
        low = getattr(torch, config.precision)
        with torch.autocast(device.type, dtype=low, enabled=low != torch.float32):
            logits = self.model(inputs)
        loss = functional.cross_entropy(logits.float(), truth, label_smoothing=config.smoothing)
        self.optimizer.zero_grad()
        self.scaler.scale(loss + self.compressor.loss()).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach()

    def _rate(self, progress: float) -> float:
        return self.rate * 0.5 * (1 + math.cos(math.pi * progress))

    def close_epoch(self, log: Log | None) -> None:
        """Judge the epoch, keep it if it is the best, write its line."""
        accuracy = evaluate(self.net, *self.judges) if self.judges is not None else None
        # Before the cost is met, accuracy is bought with taps that will go.
        least = -1.0 if self.best is None else self.best["accuracy"]
        if accuracy is not None and self.compressor.met and accuracy >= least:  # of equals the later one
            self.best = {"accuracy": accuracy, "net": _plain_state(self.net)}
        if log is not None:
            costs = [layer_tree(layer).total_distance for layer in self.layers.values()]
            taps = [layer.weight.numel() for layer in self.layers.values()]
            log(
                EpochLine(
                    epoch=self.epoch,
                    loss=self.loss_sum / self.per_epoch,
                    accuracy=accuracy,
                    rate=self._rate(self.epoch / self.epochs),
                    seconds=time.perf_counter() - self.begin,
                    cost=sum(costs) / sum(taps),
                    layer_costs=tuple(cost / count for cost, count in zip(costs, taps, strict=True)),
                )
            )

    def state(self) -> TrainState:
        """All that decides how the training goes on."""
        return TrainState(
            config=asdict(self.config),
            epoch=self.epoch,
            net=self.net.state_dict(),
            optimizer=self.optimizer.state_dict(),
            scaler=self.scaler.state_dict(),
            compressor=self.compressor.state_dict(),
            order=self.order.get_state(),
            random=torch.get_rng_state(),
            best=self.best,
        )

    def restore(self, state: TrainState) -> None:
        """Go on from there."""
        self.net.load_state_dict(state.net)
        self.optimizer.load_state_dict(state.optimizer)
        self.scaler.load_state_dict(state.scaler)
        self.compressor.load_state_dict(state.compressor)
        self.order.set_state(state.order)
        torch.set_rng_state(state.random)
        self.epoch, self.best = state.epoch, state.best


def _split(data: DataSet, held_back: int) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor] | None]:
    """Images and labels to train on, and those that judge: the last ones of the training images."""
    images, labels = images_of(data.train_images), torch.from_numpy(data.train_labels)
    if held_back >= len(images):
        raise usage(f"{held_back} images held back of {len(images)}", "hold back fewer")
    rest = len(images) - held_back
    judges = (images[rest:], labels[rest:]) if held_back else None
    return images[:rest], labels[:rest], judges


def _plain_state(net: nn.Module) -> dict[str, Tensor]:
    """The network's state with settled ties made its own; the network itself stays as it is."""
    plain = copy.deepcopy(net)
    for layer in binary_layers(plain).values():
        if layer.tied is not None:
            bake(layer)
    return plain.state_dict()


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
