"""Train the 8x8 digits to a cost of 0.10 and look at the graph that the compiler takes. Half a minute.

python examples/train_digits.py digits.pt
"""

from __future__ import annotations

import sys

from rich.console import Console
from spanbit.graph.validate import validate
from spanbit.importers import from_torch
from spanbit.nn.train import TrainConfig, train


def main(path: str) -> None:
    console = Console()
    result = train(TrainConfig("digits", cost=0.10, threads=1), checkpoint=path, console=console)
    console.print(
        f"accuracy {result.accuracy:.3f}, cost {result.cost:.4f}, {result.seconds:.1f} s, saved to {path}"
    )
    graph = from_torch(result.net, result.spec.input_shape, name="digits", class_names=result.class_names)
    for op, info in zip(graph.ops, validate(graph), strict=True):
        console.print(f"{op.name:10} {type(op).__name__:12} -> {info.kind.value} {info.shape}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "digits.pt")
