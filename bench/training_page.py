"""The tables of docs/training.md, from what the training benchmarks have written.

python bench/training_table.py && python bench/training_ablation.py
python bench/training.py && python bench/training_refine.py && python bench/training_overhead.py
python bench/training_cifar.py FOLDER 6    # the folder of CIFAR-10, epochs
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
from results import exists, read_result, runs_of
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
SPARSE = ("prune", "mixed")
BINARY_TRAINED = ("tree-loss", "tie")
BINARY = (*BINARY_TRAINED, training_table.NARROW_TREE)
Groups = dict[tuple[str, float | None], list[dict[str, Any]]]
"""Runs by way and cost."""


def main() -> None:
    write_atomic(PAGE, with_tables(PAGE.read_text()).encode())


def with_tables(page: str) -> str:
    """The page with its tables written again."""
    head, _, rest = page.partition(BEGIN)
    judged = "on all test images"
    tables = [
        *_sizes(read_result(training_table.SMALL.name), "vgg_tiny", judged),
        *_if_run(training_table.WIDE.name, lambda result: _points(result, "vgg_tiny", judged)),
        *_cifar(),
        _aims(),
        *_if_run(training_refine.FASHION, lambda result: _refined(result, training_refine.FASHION_COSTS)),
        _refined(read_result(training_refine.NAME), training_refine.COSTS),
        _ablation(read_result(training_ablation.NAME)),
        _learned(read_result(training.NAME)),
        _steiner(read_result(training_trace.NAME)),
        _overhead(read_result("training-overhead")),
    ]
    return head + BEGIN + "\n".join(tables) + END + rest.partition(END)[2]


def _if_run(name: str, show: Callable[[dict[str, Any]], str]) -> list[str]:
    """A table of a benchmark that takes hours, where somebody ran it."""
    return [show(read_result(name))] if exists(name) else []


def _cifar() -> list[str]:
    """A table for each length that was run."""
    names = [training_cifar.name_of(epochs) for epochs in training_cifar.LENGTHS]
    found = [read_result(name) for name in names if exists(name)]
    # A twin alone, whose companions are not trained yet, says nothing.
    return [_points(part, "vgg_small", "on those held back") for part in found if len(part["runs"]) > 1]


def _sizes(result: dict[str, Any], network: str, judges: str) -> list[str]:
    """Everything in one table would hide the seed's own mode: binary weights have a second one."""
    runs = result["runs"]
    without = [run for run in runs if run["way"] not in BINARY]
    twin_and = [run for run in runs if run["way"] in (training_table.TWIN, training_table.NARROW, *BINARY)]
    return [
        _points({**result, "runs": without}, network, judges),
        "Binary weights alone, trained for their tree, beside a network that only has one:\n\n"
        + _rows({**result, "runs": twin_and}),
    ]


def _points(result: dict[str, Any], network: str, judges: str) -> str:
    return (
        f"Data: {result['data']}. `{network}` of width {result['width']}, one thread, target "
        f"`{result['target']}`. Mean over the seeds {judges}, in brackets least and greatest. "
        "Bit-OPs are those of the trees; `without tree` is what the same ternary network costs by its taps "
        "that are not zero: the rival that is sparse and has no tree. The other rival, the narrower net, is "
        "dense.\n\n" + _rows(result)
    )


def _rows(result: dict[str, Any]) -> str:
    lines = [
        f"| {result['epochs']} epochs | cost | seeds | accuracy in % | below the twin | bits | bit-OPs "
        "| without tree | depth | bytes on flash |",
        "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups = grouped(result["runs"])
    for (way, cost), runs in groups.items():
        right = [100 * run["accuracy"] for run in runs]
        spread = f" ({min(right):.1f} to {max(right):.1f})" if len(runs) > 1 else ""
        below = _below(groups, way, cost)
        cells = [
            TITLES[way],
            "" if cost is None else f"{cost:.2f}",
            f"{len(runs)}",
            f"{_mean(runs, 'accuracy') * 100:.1f}{spread}",
            "" if cost is None or below is None else f"{below:.1f}",
            f"{_mean(runs, 'bits'):,.0f}",
            # The rival is calculated tap by tap; a tree over its few channels would make it cheaper.
            f"{_mean(runs, 'dense_bit_ops' if way == training_table.NARROW else 'tree_bit_ops'):,.0f}",
            f"{_mean(runs, 'nonzero_bit_ops'):,.0f}" if way in SPARSE else "",
            f"{max(run['depth'] for run in runs)}",
            f"{_mean(runs, 'flash_bytes'):,.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _aims() -> str:
    """The aims of the learning, by the rows that are there."""
    lines = ["| aim | data | measured | met |", "| --- | --- | --- | --- |"]
    tables = {
        "Fashion-MNIST": training_table.SMALL.name,
        "Fashion-MNIST, wider": training_table.WIDE.name,
        **{f"CIFAR-10, {epochs} epochs": training_cifar.name_of(epochs) for epochs in training_cifar.LENGTHS},
    }
    for data, groups in ((data, grouped(runs_of(name))) for data, name in tables.items() if exists(name)):
        for cost, most in ((0.10, 0.3), (0.05, 1.0)):
            gaps = {way: _below(groups, way, cost) for way in SPARSE}
            found = {way: gap for way, gap in gaps.items() if gap is not None}
            if found:
                way = min(found, key=lambda way: found[way])
                aim = f"at {cost:.2f} at most {most} below the twin"
                met = "yes" if found[way] <= most else "no"
                lines.append(f"| {aim} | {data} | {TITLES[way]}: {found[way]:.1f} | {met} |")
        best = {way: gap for way in BINARY_TRAINED if (gap := _below(groups, way, 0.20)) is not None}
        if best:
            way = min(best, key=lambda way: best[way])
            met = "yes" if best[way] <= 1 else "no"
            aim = "binary tree at 0.20 at most 1 below the twin"
            lines.append(f"| {aim} | {data} | {TITLES[way]}: {best[way]:.1f} | {met} |")
            narrow = _below(groups, training_table.NARROW, 0.20)
            if narrow is not None:
                met = "yes" if best[way] < narrow else "no"
                lines.append(f"| and above the narrower net | {data} | narrower net: {narrow:.1f} | {met} |")
    return (
        "The aims that were set before the training, and what came of them (points below the twin):\n\n"
        + ("\n".join(lines) + "\n")
    )


def _below(groups: Groups, way: str, cost: float | None) -> float | None:
    """Points below the twin, None where one of the two was not run."""
    twin, runs = groups.get((training_table.TWIN, None)), groups.get((way, cost))
    return None if not twin or not runs else 100 * (_mean(twin, "accuracy") - _mean(runs, "accuracy"))


def grouped(runs: list[dict[str, Any]]) -> Groups:
    """Runs by way and cost: the twin, then the costs falling, in each the ways as the benchmark has them."""
    ways = [training_table.TWIN, *training_table.WAYS]
    found: Groups = {}
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
    removed: dict[str, list[str]] = {}
    for variant, commit in training_ablation.REMOVED.items():
        removed.setdefault(commit, []).append(variant)
    gone = "\n".join(f'- "{commit}": {"; ".join(variants)}' for commit, variants in removed.items())
    return (
        f"Settings of the methods, one change at a time. {result['data']} to judge, so no test image chose "
        f"anything; `vgg_tiny` of width {result['width']}, {result['epochs']} epochs, "
        f"cost {result['cost']:.2f}:\n\n" + "\n".join(lines) + "\n\n"
        "Measured and taken out of the code again, by the beginning of the commit that still has it:\n\n"
        f"{gone}\n"
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
