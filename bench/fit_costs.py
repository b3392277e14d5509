"""The cost figures of targets/*.toml, fitted to what the kernels take on emulated cores.

    python bench/fit_costs.py [TARGET...]   # prints them, with the largest error
    python bench/fit_costs.py --write       # and writes them into the targets' files

A few layers with SYNTHETIC weights run on each core. AArch64 cores are fitted to model cycles (mca.py); the
others, for whose cores there is no such model that fits, to executed instructions. The figures choose between
kernels and claim no time; `spanbit tune` replaces them by a board's own.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from emulate import bench_program, count_layer, toolchain
from mca import CycleModel
from shapes import Layer
from spanbit.cli.failure import guard
from spanbit.graph import BinaryConv, KernelKind
from spanbit.passes.cost_model import dense_amounts, tree_amounts
from spanbit.resources import data_dir
from spanbit.targets import load_target
from spanbit_deploy.tune.fit import fitted
from subject import Subject, weights, write_subject

MODELS = {"rpi3": "cortex-a53", "rpi4": "cortex-a72", "rpi5": "neoverse-n1", "rpi2": None, "rpi-zero": None}
SAME = {"generic-aarch64": "rpi3"}
LAYERS = tuple(
    Layer(f"{source}-{size}-{kernel}-{stride}", source, out, kernel, stride, kernel // 2, size)
    for source, out, kernel, stride, size in (
        (64, 64, 3, 1, 32),
        (128, 128, 3, 1, 16),
        (64, 64, 3, 1, 8),
        (256, 128, 3, 1, 8),
        (64, 64, 3, 1, 4),
        (256, 128, 3, 1, 4),
        (128, 128, 1, 1, 16),
        (64, 64, 1, 1, 8),
        (16, 16, 3, 1, 32),
        (64, 128, 3, 2, 32),
        (128, 128, 3, 2, 16),
    )
)
COSTS = (0.05, 0.2, 0.45)
KINDS = ("binary tree", "ternary star")


def main() -> None:
    asked = [name for name in sys.argv[1:] if name != "--write"]
    for name, core in MODELS.items():
        if asked and name not in asked:
            continue
        figures = measure(name, core)
        for target in (name, *(same for same, like in SAME.items() if like == name)):
            if "--write" in sys.argv[1:]:
                _write(data_dir("targets") / f"{target}.toml", figures, core)


def measure(name: str, core: str | None) -> dict[str, float]:
    """Cost figure -> cycles or instructions."""
    target = load_target(name)
    model = CycleModel(bench_program(toolchain(target)), core) if core else None

    def run(subject: Subject) -> float:
        count = count_layer(subject.path, target)
        return model.cycles(count.blocks) if model else float(count.instructions)

    trees: list[tuple[dict[str, float], float]] = []
    denses: list[tuple[dict[str, float], float]] = []
    with tempfile.TemporaryDirectory() as folder:
        for layer in LAYERS:
            for kind in KINDS:
                for cost in COSTS:
                    weight = weights(kind, layer, cost)
                    if weight is None:
                        continue
                    path = Path(folder) / "layer.spb"
                    tree = write_subject(path, weight, layer, KernelKind.TREE, target)
                    plan = tree.plan
                    assert isinstance(plan.op, BinaryConv)
                    trees.append((tree_amounts(plan.op, plan.source, plan.result, target.isa), run(tree)))
                    if cost == COSTS[0]:  # the dense kernel takes the same for all weights of a kind
                        dense = write_subject(path, weight, layer, KernelKind.DENSE, target)
                        amounts = dense_amounts(plan.op, plan.source, plan.result)
                        denses.append((amounts, run(dense)))
    figures: dict[str, Any] = {}
    errors = []
    for rows in (trees, denses):
        found = fitted([amounts for amounts, _ in rows], [taken for _, taken in rows])
        said = [sum(found[key] * value for key, value in amounts.items()) for amounts, _ in rows]
        off = [model / taken - 1 for model, (_, taken) in zip(said, rows, strict=True)]
        errors.append(max(off, key=abs))
        figures.update(found)
    print(f"{name}: {figures}; largest error: tree {errors[0]:+.0%}, dense {errors[1]:+.0%}")
    return figures


def _write(path: Path, figures: dict[str, float], core: str | None) -> None:
    unit = f"llvm-mca's cycles of a {core}" if core else "executed instructions"
    lines = [
        "[cost]",
        f"# Fitted to {unit}, emulated, synthetic weights: python bench/fit_costs.py --write",
        *(f"{name} = {value}" for name, value in figures.items()),
    ]
    text = re.sub(r"\[cost\]\n.*?\n\n", "\n".join(lines) + "\n\n", path.read_text(), count=1, flags=re.DOTALL)
    path.write_text(text)


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
