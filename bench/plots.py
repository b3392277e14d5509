"""Draws docs/img/bench-*.svg from the JSON files of bench/results/; the same figures give the same file.

python bench/plots.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from results import read_result
from spanbit.cli.failure import guard

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "img"
_TICKS = {
    "channels": (64, 128, 256, 512, 1024),
    "pixels": (16, 64, 256, 1024, 4096),
    "cost": (0.02, 0.05, 0.1, 0.2, 0.5),
}
_MARKS = {"binary tree": "o", "ternary star": "s", "mixed": "^"}


def draw_fewer() -> None:
    """Instructions and cycles of VGG-small, dense over tree, against cost."""
    result = read_result("instructions-vgg-small")
    cores = list(result["cores"])
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, unit in zip(axes, ("instructions", "cycles"), strict=True):
        for index, core in enumerate(cores):
            for kind, mark in _MARKS.items():
                rows = [row for row in result["total"] if row["weights"] == kind]
                x = [row["asked"] for row in rows]
                y = [row["fewer"][core][unit] for row in rows]
                axis.plot(x, y, marker=mark, color=f"C{index}", label=f"{core}, {kind}", linewidth=0.8)
        axis.axhline(1, color="grey", linewidth=0.6)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks([0.05, 0.1, 0.25, 0.45], ["0.05", "0.10", "0.25", "0.45"])
        axis.set_yticks([1, 2, 4, 6, 8, 12], ["1", "2", "4", "6", "8", "12"])
        axis.minorticks_off()
        axis.set_xlabel("cost (synthetic weights)")
        axis.set_title(f"{'model ' * (unit == 'cycles')}{unit}: dense / tree", fontsize=10)
        axis.grid(alpha=0.3)
    axes[1].legend(fontsize=6)
    save(figure, "bench-fewer")


def draw_host() -> None:
    """Minimum times of whole VGG-small."""
    result = read_result("host")
    parts = result["whole"]
    names = list(parts[0]["times"])[::-1]
    figure, axis = plt.subplots(figsize=(9, 3))
    lines = (0,) if len(parts) == 1 else (0.15, -0.15)  # one thread above two
    shown = []
    for part, line in zip(parts, lines, strict=True):
        times = [part["times"][name]["min_ms"] for name in names]
        label = f"{part['threads']} thread{'s' * (part['threads'] > 1)}"
        heights = [row + line for row in range(len(names))]
        axis.plot(times, heights, "o", label=label)  # no bars: a logarithmic axis has no 0
        for height, ms in zip(heights, times, strict=True):
            axis.annotate(f"{ms:.2f}", (ms, height), (6, -3), textcoords="offset points", fontsize=8)
        shown += times
    axis.set_yticks(range(len(names)), names)
    axis.set_xscale("log")
    axis.set_xlim(min(shown) / 1.5, max(shown) * 2)
    axis.grid(axis="x", which="both", alpha=0.3)
    axis.legend(fontsize=8)
    axis.set_xlabel(f"ms, minimum, {result['cpu']}", fontsize=8)
    note = " (PROVISIONAL: a disturbed machine)" if result["disturbed"] else ""
    axis.set_title(f"VGG-small (CIFAR), synthetic weights{note}", fontsize=10)
    axis.tick_params(labelsize=8)
    save(figure, "bench-host")


def draw_scaling() -> None:
    """Instructions against channels, pixels and cost; the model as a line."""
    result = read_result("scaling")
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4))
    for axis, series in zip(axes, ("channels", "pixels", "cost"), strict=True):
        ticks = _TICKS[series]
        for index, kind in enumerate(("binary tree", "ternary star")):
            points = [p for p in result["points"] if (p["series"], p["weights"]) == (series, kind)]
            x: list[Any] = [point[series] for point in points]
            counted = [point["instructions"] for point in points]
            axis.plot(x, counted, _MARKS[kind], color=f"C{index}", markersize=4, label=kind)
            axis.plot(x, [point["model"] for point in points], color=f"C{index}", linewidth=0.8)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.minorticks_off()
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.set_xlabel(series)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("executed instructions, Cortex-A72")
    axes[0].legend(fontsize=7, title="points counted, lines modelled", title_fontsize=7)
    save(figure, "bench-scaling")


def save(figure: Any, name: str) -> None:
    """Writes docs/img/<name>.svg, the same bytes for the same picture."""
    mpl.rcParams["svg.hashsalt"] = "spanbit"  # else names inside the file are random
    figure.tight_layout()
    figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    draw_fewer()
    draw_host()
    draw_scaling()


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
