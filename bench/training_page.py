"""The tables of docs/training.md, from what the training benchmarks have written.

python bench/training_table.py && python bench/training_ablation.py
python bench/training.py && python bench/training_refine.py && python bench/training_overhead.py
python bench/training_cifar.py FOLDER      # the folder of CIFAR-10
python bench/training_page.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import training
import training_ablation
import training_cifar
import training_refine
import training_table
import training_trace
from results import exists, read_result
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic

PAGE = Path(__file__).resolve().parent.parent / "docs" / "training.md"
BEGIN, END = "<!-- training: begin -->\n", "<!-- training: end -->\n"


TITLES = {
    "twin": "twin, binary, not compressed",
    "prune": "pruned to ternary",
    "narrow": "narrower net, dense, same bit-OPs",
    "narrow-tree": "narrower net, its own tree",
    "tree-loss": "tree loss, binary",
    "tie": "tied, binary",
    "mixed": "tied, mixed",
}


def main() -> None:
    write_atomic(PAGE, with_tables(PAGE.read_text()).encode())


def with_tables(page: str) -> str:
    """The page with its tables written again."""
    head, _, rest = page.partition(BEGIN)
    small, wide = training_table.SMALL.name, training_table.WIDE.name
    tables = [
        _points(read_result(small), "vgg_tiny", "on all test images"),
        *_if_run(wide, lambda result: _points(result, "vgg_tiny", "on all test images")),
        *_if_run(training_cifar.NAME, lambda result: _points(result, "vgg_small", "on those")),
        *_if_run(training_refine.FASHION, lambda result: _refined(result, training_refine.FASHION_COSTS)),
        _ablation(read_result(training_ablation.NAME)),
        _learned(read_result(training.NAME)),
        _refined(read_result(training_refine.NAME), training_refine.COSTS),
        _steiner(read_result(training_trace.NAME)),
        _overhead(read_result("training-overhead")),
    ]
    return head + BEGIN + "\n".join(tables) + END + rest.partition(END)[2]


def _if_run(name: str, show: Callable[[dict[str, Any]], str]) -> list[str]:
    """A table of a benchmark that takes hours, where somebody ran it."""
    return [show(read_result(name))] if exists(name) else []


def _points(result: dict[str, Any], network: str, judges: str) -> str:
    lines = [
        f"| {result['epochs']} epochs | cost | seeds | accuracy in % | below the twin | bits | bit-OPs "
        "| without tree | depth | bytes on flash |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups = grouped(result["runs"])
    twin = _mean(groups[training_table.TWIN, None], "accuracy")
    for (way, cost), runs in groups.items():
        right = [100 * run["accuracy"] for run in runs]
        spread = f" ({min(right):.1f} to {max(right):.1f})" if len(runs) > 1 else ""
        sparse = way in ("prune", "mixed")
        cells = [
            TITLES[way],
            "" if cost is None else f"{cost:.2f}",
            f"{len(runs)}",
            f"{_mean(runs, 'accuracy') * 100:.1f}{spread}",
            "" if cost is None else f"{100 * (twin - _mean(runs, 'accuracy')):.1f}",
            f"{_mean(runs, 'bits'):,.0f}",
            # The rival is calculated tap by tap; a tree over its few channels would make it cheaper.
            f"{_mean(runs, 'dense_bit_ops' if way == training_table.NARROW else 'tree_bit_ops'):,.0f}",
            f"{_mean(runs, 'nonzero_bit_ops'):,.0f}" if sparse else "",
            f"{max(run['depth'] for run in runs)}",
            f"{_mean(runs, 'flash_bytes'):,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return (
        f"Data: {result['data']}. `{network}` of width {result['width']}, one thread, target "
        f"`{result['target']}`. Mean over the seeds {judges}, in brackets least and greatest. "
        "Bit-OPs are those of the trees; `without tree` is what the same ternary network costs by its taps "
        "that are not zero: the rival that is sparse and has no tree. The other rival, the narrower net, is "
        "dense.\n\n" + "\n".join(lines) + "\n"
    )


def grouped(runs: list[dict[str, Any]]) -> dict[tuple[str, float | None], list[dict[str, Any]]]:
    """Runs by way and cost: the twin, then the costs falling, in each the ways as the benchmark has them."""
    ways = [training_table.TWIN, *training_table.WAYS]
    found: dict[tuple[str, float | None], list[dict[str, Any]]] = {}
    for run in sorted(runs, key=lambda run: (-(run["cost"] or 1), ways.index(run["way"]), run["seed"])):
        found.setdefault((run["way"], run["cost"]), []).append(run)
    return found


def _mean(runs: Sequence[dict[str, Any]], name: str) -> float:
    return float(sum(run[name] for run in runs)) / len(runs)


def _ablation(result: dict[str, Any]) -> str:
    lines = [
        "| change | seeds | accuracy in % | trees' cost | mean depth |",
        "| --- | ---: | --- | ---: | ---: |",
    ]
    for variant in dict.fromkeys(run["variant"] for run in result["runs"]):
        runs = [run for run in result["runs"] if run["variant"] == variant]
        right = [100 * run["accuracy"] for run in runs]
        spread = f" ({min(right):.1f} to {max(right):.1f})" if len(runs) > 1 else ""
        cost = _mean(runs, "tree_cost")
        depths = [run["mean_depth"] for run in runs if "mean_depth" in run]
        depth = f"{sum(depths) / len(depths):.1f}" if depths else ""
        lines.append(
            f"| {variant} | {len(runs)} | {sum(right) / len(right):.1f}{spread} | {cost:.3f} | {depth} |"
        )
    gone = "; ".join(f'{variant}: "{commit}"' for variant, commit in training_ablation.REMOVED.items())
    return (
        f"Settings of the methods, one change at a time. {result['data']} to judge, so no test image chose "
        f"anything; `vgg_tiny` of width {result['width']}, {result['epochs']} epochs, "
        f"cost {result['cost']:.2f}:\n\n" + "\n".join(lines) + "\n\n"
        f"Measured and taken out of the code again, with the beginning of the commit that has it: {gone}.\n"
    )


def _learned(result: dict[str, Any]) -> str:
    title = f"accuracy in %, {result['epochs']} epochs"
    rows = _table(title, result["runs"], tuple(training.WAYS), training.COSTS)
    twins = [run for run in result["runs"] if run["way"] == training.TWIN]
    natural = sum(run["tree_cost"] for run in twins) / len(twins)
    return (
        f"Data: {result['data']}. Mean of {len(result['seeds'])} seeds, or one, on all test images; in "
        "brackets least and greatest, then the depth of the deepest tree. One image is 0.28 points.\n\n"
        f"{rows}\nThe twin, binary and not compressed: {_cell(twins, None)}; its trees cost {natural:.3f}.\n"
    )


def _refined(result: dict[str, Any], costs: Sequence[float]) -> str:
    found = {run["way"] for run in result["runs"]}
    ways = [way for way in training_refine.METHODS if way in found]
    rows = _table(f"{result['more']} epochs more", result["runs"], ways, costs)
    twins = [run for run in result["runs"] if run["way"] == training.TWIN]
    before = 100 * _mean(twins, "before")
    return (
        f"A trained twin ({result['data']}, {result['epochs']} epochs, {before:.1f}) refined (`--start`), "
        f"{len(twins)} seed{'s' * (len(twins) > 1)}:\n\n{rows}\n"
        f"The twin itself after as many epochs more: {_cell(twins, None)}.\n"
    )


def _steiner(result: dict[str, Any]) -> str:
    lines = ["| way | channels | differing taps | Steiner channels | taps saved |"]
    lines.append("| --- | ---: | ---: | ---: | ---: |")
    for way, found in result["ways"].items():
        part = found["steiner"]
        share = part["saved"] / part["distance"]
        lines.append(
            f"| {way} | {part['channels']} | {part['distance']:,} | {part['added']} | "
            f"{part['saved']:,} ({100 * share:.1f} %) |"
        )
    return (
        f"What vertices that are calculated but not output would save on trained networks ({result['data']}, "
        f"width {result['width']}, {result['epochs']} epochs, cost {result['cost']:.2f}), each at least "
        f"{training_trace.WORTH} differing taps; a greedy count, not built:\n\n" + "\n".join(lines) + "\n"
    )


def _overhead(result: dict[str, Any]) -> str:
    lines = ["| network for | method | CPU ms a step | more than none |", "| --- | --- | ---: | ---: |"]
    for row in result["rows"]:
        more = f"{100 * row['overhead']:.1f} %" if row["method"] != "none" else ""
        lines.append(f"| {row['data']} | {row['method']} | {row['ms']:.1f} | {more} |")
    text = (
        "CPU time of a training step, one thread, least of blocks in turn; on a shared machine, so a few per "
        "cent are noise:\n\n"
    )
    return text + "\n".join(lines) + "\n"


def _table(title: str, runs: list[dict[str, Any]], ways: Sequence[str], costs: Sequence[float]) -> str:
    lines = [f"| {title} | {' | '.join(f'cost {cost:.2f}' for cost in costs)} |"]
    lines.append(f"| --- |{' ---: |' * len(costs)}")
    for way in ways:
        cells = [
            _cell([run for run in runs if (run["way"], run["cost"]) == (way, cost)], cost) for cost in costs
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(runs: list[dict[str, Any]], asked: float | None) -> str:
    """Mean, least and greatest accuracy; the trees' mean cost only where it is not what was asked for."""
    right = [100 * run["accuracy"] for run in runs]
    if not right:
        return ""
    inside = [f"{min(right):.1f} to {max(right):.1f}"] if len(right) > 1 else ["one seed"]
    if "depth" in runs[0]:
        inside.append(f"{max(run['depth'] for run in runs)}")
    cost = sum(run["tree_cost"] for run in runs) / len(runs)
    reached = f", at {cost:.3f}" if asked is not None and abs(cost - asked) > 0.0005 else ""
    around = f" ({'; '.join(inside)})" if inside else ""
    return f"{sum(right) / len(right):.1f}{around}{reached}"


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
