"""Two compared profiles for a terminal. No figure is calculated here.

Console().print(compared_view(compared))
"""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit_deploy.profile.compare import Change, Compared

_STYLE = {"slower": "red", "faster": "green", "same": ""}


def compared_view(compared: Compared) -> Group:
    """A row a layer, the total below."""
    total = compared.total
    table = Table(title=setting_text(compared), show_footer=True)
    for title, footer in zip(
        ("layer", "before ms", "after ms", "after / before"), _cells(total), strict=True
    ):
        table.add_column(title, footer, justify="left" if title == "layer" else "right")
    table.add_column("95 %", interval_text(total), justify="right")
    table.add_column("", Text(total.verdict, style=_STYLE[total.verdict]))
    for layer in compared.layers:
        verdict = Text(layer.verdict, style=_STYLE[layer.verdict])
        table.add_row(*map(Text, _cells(layer)), interval_text(layer), verdict)
    said = [f"only before: {name}" for name in compared.only_before]
    said += [f"only after: {name}" for name in compared.only_after]
    said += [f"they differ: {note}" for note in compared.notes]
    return Group(table, *map(Text, said))


def setting_text(compared: Compared) -> str:
    """Threads and processors."""
    processors = ", ".join(map(str, compared.cpus)) or "any"
    return f"{compared.threads} thread{'s' * (compared.threads > 1)} on processors {processors}"


def interval_text(change: Change) -> str:
    """The confidence interval."""
    return f"{change.low:.3f} to {change.high:.3f}"


def _cells(change: Change) -> tuple[str, str, str, str]:
    return change.name, f"{change.before_ms:.4f}", f"{change.after_ms:.4f}", f"{change.ratio:.3f}"
