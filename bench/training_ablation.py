"""What the settings of the compressors are worth, one change at a time, on images held back from training.

    python bench/training_ablation.py     # goes on where it was stopped; bench/results/training-ablation.json
    python bench/training_ablation.py 1   # with one seed only
    python bench/training_ablation.py 3 prune "prune, met at 0.6"   # these changes only

Fashion-MNIST: the first training images are trained on, the last ones judge; the test images are not looked
at. Smaller and shorter than the table (training_table.py): it compares settings, nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from results import add_run, runs_of
from spanbit.cli.failure import guard
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.compress import Compressor
from spanbit.nn.data import DataSet, load
from spanbit.nn.prune import Prune
from spanbit.nn.steer import TreeLossSteer
from spanbit.nn.tie import Tie
from spanbit.nn.train import TrainConfig, train
from spanbit.nn.tree_loss import layer_tree
from torch import Tensor

NAME = "training-ablation"
WIDTH, EPOCHS, COST, SEEDS = 16, 3, 0.10, (0, 1, 2)
TRAINED_ON, HELD_BACK = 20_000, 5_000


class TowardsTheMean(Tie):
    """Tying, with every channel's latent weights drawn towards the layer's mean row: a common centre."""

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        super().prepare(layers)
        self._now = 0.0

    def step(self, progress: float) -> None:
        super().step(progress)
        self._now = progress

    def loss(self) -> Tensor:
        if not self.warmup <= self._now < self.settled_at:
            return torch.zeros(())
        pulls = [
            (layer.weight - layer.weight.detach().mean(0)).square().mean()
            / layer.weight.detach().square().mean()
            for layer in self.layers
        ]
        return 0.01 * torch.stack(pulls).sum()


class WithoutRegrowth(Prune):
    """Pruning whose zeros learn nothing: a tap that is gone has no gradient, and does not come back."""

    def prepare(self, layers: Sequence[BinaryConv2d]) -> None:
        super().prepare(layers)
        for layer in layers:
            layer.weight.register_hook(lambda gradient, layer=layer: gradient * layer.mask)


class MoreInSmallLayers(Prune):
    """Shares as RigL (Evci et al., 2020) gives them, "ERK": by (inputs + outputs + kernel) / taps."""

    @torch.no_grad()
    def step(self, progress: float) -> None:
        super().step(progress)
        if progress >= self.fixed_at:
            return
        total = sum(int(layer.mask.sum()) for layer in self.layers)
        weight = [sum(layer.weight.shape) for layer in self.layers]
        room = [layer.weight.numel() for layer in self.layers]
        scale = max(part / taps for part, taps in zip(weight, room, strict=True))
        low, high = total / sum(weight), max(1.0, total * scale)
        for _ in range(50):  # until the shares, none above 1, make the total
            factor = (low + high) / 2
            given = sum(min(factor * part, taps) for part, taps in zip(weight, room, strict=True))
            low, high = (factor, high) if given < total else (low, factor)
        for layer, part, taps in zip(self.layers, weight, room, strict=True):
            strength = layer.weight.detach().abs().flatten()
            kept = strength.argsort(descending=True, stable=True)[: int(min(high * part, taps))]
            mask = torch.zeros(taps, dtype=torch.bool)
            mask[kept] = True
            layer.mask.copy_(mask.view_as(layer.mask))


class InPairs(Prune):
    """Pruning by twos: a tap and the same of the next input channel stay or go together."""

    @torch.no_grad()
    def step(self, progress: float) -> None:
        before = [layer.mask.clone() for layer in self.layers]
        super().step(progress)
        for layer, old in zip(self.layers, before, strict=True):
            if not torch.equal(old, layer.mask):  # chosen again: as many taps, but in pairs
                outputs, inputs, *kernel = layer.weight.shape
                strength = layer.weight.abs().view(outputs, inputs // 2, 2, *kernel).sum(2)
                order = strength.flatten().argsort(descending=True, stable=True)
                pairs = torch.zeros(strength.numel(), dtype=torch.bool)
                pairs[order[: int(layer.mask.sum()) // 2]] = True
                both = pairs.view_as(strength)[:, :, None].expand(-1, -1, 2, *[-1] * len(kernel))
                layer.mask.copy_(both.reshape(layer.mask.shape))


VARIANTS: dict[str, Callable[[], Compressor]] = {
    "none (the twin)": Compressor,
    "prune": lambda: Prune(COST),
    "prune, met at 0.1": lambda: Prune(COST, reached_at=0.1),
    "prune, met at 0.25": lambda: Prune(COST, reached_at=0.25),
    "prune, met at 0.6": lambda: Prune(COST, reached_at=0.6),
    "prune, met at 0.5, fixed at 0.95": lambda: Prune(COST, reached_at=0.5, fixed_at=0.95),
    "prune, met and fixed at 0.8": lambda: Prune(COST, reached_at=0.8, fixed_at=0.8),
    "prune, met and fixed at 0.9": lambda: Prune(COST, reached_at=0.9, fixed_at=0.9),
    "prune, chosen every 16 steps": lambda: Prune(COST, every=16),
    "prune, without regrowth": lambda: WithoutRegrowth(COST),
    "prune, in pairs of channels": lambda: InPairs(COST),
    "prune, more in small layers (ERK)": lambda: MoreInSmallLayers(COST),
    "mixed": lambda: Tie(COST, mixed=True),
    "mixed, ramp to 0.85": lambda: Tie(COST, mixed=True, fixed_at=0.85),
    "tie": lambda: Tie(COST),
    "tie, ramp to 0.85": lambda: Tie(COST, fixed_at=0.85),
    "tie, common centre": lambda: TowardsTheMean(COST),
    "tree loss": lambda: TreeLossSteer(COST),
    "tree loss, depth term 0.5": lambda: TreeLossSteer(COST, depth=0.5),
    "tree loss, ramp to 0.75": lambda: TreeLossSteer(COST, reached_at=0.75),
}
_BEFORE = "Instruction counts and shares of today's kernels on the benchmarks' page"
REMOVED = {
    "prune, one budget for all layers": _BEFORE,
    "prune, one budget for all layers, met at 0.1": _BEFORE,
    "prune, one budget for all layers, met at 0.25": _BEFORE,
    "prune, one budget for all layers, met and fixed at 0.8": _BEFORE,
    "prune, one budget for all layers, met and fixed at 0.9": _BEFORE,
    "prune every 16 steps, one budget, met and fixed at 0.8": _BEFORE,
    "the same, taught by the twin": "Fashion table and ablation on the page; plots of accuracy",
    "mixed, one budget for all layers": _BEFORE,
    "the same, around centres of clusters": _BEFORE,
}
"""What was measured, did not help, and is no longer in the code: how the commit begins that has it."""


def main() -> None:
    count, *asked = sys.argv[1:] or [str(len(SEEDS))]
    if not count.isdecimal() or not set(asked) <= set(VARIANTS):
        sys.exit(f"usage: training_ablation.py [SEEDS [CHANGE...]]; changes: {', '.join(VARIANTS)}")
    done = {(run["variant"], run["seed"]) for run in runs_of(NAME)}
    data = held_back(load("fashion-mnist"))
    for seed in SEEDS[: int(count)]:  # one row of each before a second
        for variant in asked or VARIANTS:
            if (variant, seed) not in done:
                _store(measure(variant, seed, data))


def held_back(data: DataSet) -> DataSet:
    """Training images only: the first to train on, the last in the place of the test images."""
    return replace(
        data,
        train_images=data.train_images[:TRAINED_ON],
        train_labels=data.train_labels[:TRAINED_ON],
        test_images=data.train_images[-HELD_BACK:],
        test_labels=data.train_labels[-HELD_BACK:],
    )


def measure(variant: str, seed: int, data: DataSet) -> dict[str, Any]:
    """One training with one change."""
    config = TrainConfig(data.name, width=WIDTH, epochs=EPOCHS, cost=COST, seed=seed, threads=1)
    result = train(config, data=data, compressor=VARIANTS[variant]())
    layers = [part for part in result.net.modules() if isinstance(part, BinaryConv2d)]
    depths = [int(depth) for layer in layers for depth in layer_tree(layer).depth]
    return {
        "variant": variant,
        "seed": seed,
        "accuracy": result.accuracy,
        "tree_cost": result.tree_cost,
        "mean_depth": sum(depths) / len(depths),
    }


def _store(found: dict[str, Any]) -> None:
    about = {
        "data": f"Fashion-MNIST, {TRAINED_ON} training images, {HELD_BACK} others held back",
        "width": WIDTH,
        "epochs": EPOCHS,
        "cost": COST,
        "torch": torch.__version__,
    }
    variants = [*VARIANTS, *REMOVED]
    add_run(NAME, about, found, lambda run: variants.index(run["variant"]) * len(SEEDS) + run["seed"])


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
