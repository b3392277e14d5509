"""What a training step costs beside the task itself: CPU time with each compressor over CPU time without.

    python bench/training_overhead.py       # bench/results/training-overhead.json

Batches of noise in the size of the data set's own: what is timed does not depend on what is learned. CPU time
of one thread, not wall time, and the ways take turns block by block, so that other work on the machine
disturbs all alike; the ratio is of the least over the blocks. A block holds whole periods of tree building.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import torch
from results import show, write_result
from rich.table import Table
from spanbit.cli.failure import guard
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.compress import Compressor
from spanbit.nn.prune import Prune
from spanbit.nn.steer import TreeLossSteer
from spanbit.nn.tie import Tie
from spanbit.nn.zoo import vgg_tiny
from torch import Tensor, nn
from torch.nn import functional

BLOCK, BLOCKS = 32, 4  # every compressor's period divides 32
PROGRESS = 0.4  # in the midst of the schedule: all of them are at work
SETTINGS = {"digits": ((1, 8, 8), 64), "fashion-mnist": ((1, 28, 28), 128)}
WAYS: dict[str, type[Compressor] | Any] = {
    "none": Compressor,
    "prune": lambda: Prune(0.10),
    "tie": lambda: Tie(0.10),
    "tie --mixed": lambda: Tie(0.10, mixed=True),
    "tree-loss": lambda: TreeLossSteer(0.10),
}


@dataclass
class _Run:
    """One network in training with one compressor."""

    net: nn.Module
    compressor: Compressor
    optimizer: torch.optim.Optimizer

    def block(self, images: Tensor, labels: Tensor) -> float:
        """Milliseconds of CPU time a step."""
        begin = time.process_time()
        for _ in range(BLOCK):
            self.compressor.step(PROGRESS)
            loss = functional.cross_entropy(self.net(images), labels) + self.compressor.loss()
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        return (time.process_time() - begin) * 1000 / BLOCK


def main() -> None:
    torch.set_num_threads(1)
    rows = [row for name in SETTINGS for row in measure(name)]
    write_result("training-overhead", {"torch": torch.__version__, "rows": rows})
    table = Table(title="CPU time of a training step, one thread")
    for column in ("network for", "method", "ms", "more than none"):
        table.add_column(column, justify="left" if column in ("network for", "method") else "right")
    for row in rows:
        table.add_row(row["data"], row["method"], f"{row['ms']:.1f}", f"{100 * row['overhead']:.1f} %")
    show(table, 100)


def measure(name: str) -> list[dict[str, Any]]:
    """CPU time a step for each way, on images of the data set's shape."""
    shape, batch = SETTINGS[name]
    torch.manual_seed(0)
    images = torch.randint(0, 256, (batch, *shape), dtype=torch.uint8)
    labels = torch.randint(0, 10, (batch,))
    runs = {way: _start(shape, make()) for way, make in WAYS.items()}
    for run in runs.values():
        run.block(images, labels)  # warm-up
    times: dict[str, list[float]] = {way: [] for way in runs}
    for _ in range(BLOCKS):
        for way, run in runs.items():
            times[way].append(run.block(images, labels))
    least = {way: min(part) for way, part in times.items()}
    return [
        {"data": name, "method": way, "ms": round(ms, 2), "overhead": round(ms / least["none"] - 1, 4)}
        for way, ms in least.items()
    ]


def _start(shape: tuple[int, int, int], compressor: Compressor) -> _Run:
    net = vgg_tiny(shape, 10, mean=(0.3,), std=(0.3,), weights=compressor.weights).train()
    compressor.prepare([layer for layer in net.modules() if isinstance(layer, BinaryConv2d)])
    return _Run(net, compressor, torch.optim.Adam(net.parameters(), lr=5e-3))


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
