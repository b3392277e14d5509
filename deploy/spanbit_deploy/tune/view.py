"""A tuning for a terminal. No figure is calculated here.

Console().print(tune_view(figures))
"""

from __future__ import annotations

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text
from spanbit.targets import NS

from spanbit_deploy.tune.figures import Prediction, TuneFigures, Verdict


def tune_view(figures: TuneFigures) -> Group:
    """A row a layer, then how often each set of figures chooses the slower kernel."""
    title = "; ".join(part for part in ("synthetic weights", figures.note) if part)
    table = Table(
        title=Text(title, style="bold yellow"), box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    for name in ("layer", "weights"):
        table.add_column(name)
    for name in ("cost", "measured", "old model", "new model"):
        table.add_column(name, justify="right")
    for layer in figures.layers:
        table.add_row(
            layer.shape,
            layer.weights,
            f"{layer.cost:.3f}",
            _pair(layer.tree_ns, layer.dense_ns),
            _said(layer.old, layer.faster),
            _said(layer.new, layer.faster),
        )
    count = len(figures.layers)
    lines = (
        f"tree / dense kernel, us; old model: {_unit(figures.old)}; ! chooses the slower one",
        f"old figures: {_verdict(figures.old, count)}",
        f"new figures: {_verdict(figures.new, count)}",
        f"  fitted without the layer itself: the slower kernel for {figures.wrong_held_out} of {count}",
    )
    head = f"on {figures.on}, runner built for {figures.target}; fastest of {figures.rounds} rounds"
    return Group(Text(head), table, *map(Text, lines))


def _pair(tree: float, dense: float) -> str:
    return " / ".join(f"{ns / 1e3:,.{1 if ns < 1e5 else 0}f}" for ns in (tree, dense))


def _unit(verdict: Verdict) -> str:
    return "us" if verdict.cost.unit == NS else f"1000 {verdict.cost.unit}"


def _said(prediction: Prediction, faster: str) -> Text:
    wrong = prediction.choice != faster
    return Text(f"{_pair(prediction.tree, prediction.dense)} {'!' if wrong else ' '}", "red" if wrong else "")


def _verdict(verdict: Verdict, layers: int) -> str:
    text = f"the slower kernel for {verdict.wrong} of {layers}, {verdict.time_lost:.0%} more time in all"
    return text + ("" if verdict.worst_error is None else f"; times off by up to {verdict.worst_error:.0%}")
