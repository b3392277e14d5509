"""A profile as one page: HTML that needs nothing else, or Markdown.

text = html_page(read_record(path), compared=compare(before, after))
text = markdown_page(profile)

Figures are made ready here, templates/ only places them. The HTML has no address in it that a browser would
fetch, and forbids it to (Content-Security-Policy).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from spanbit.errors import not_installed

from spanbit_deploy.profile.compare import Compared
from spanbit_deploy.profile.conditions import Conditions
from spanbit_deploy.profile.record import Profile, Run
from spanbit_deploy.profile.tables import interval_text, setting_text

_BINS = 40
_SAMPLES_MAX = 1000
_TEMPLATES = Path(__file__).resolve().parent / "templates"


@dataclass(frozen=True)
class Bar:
    """A length from 0 to 1 beside a text."""

    label: str
    text: str
    length: float


@dataclass(frozen=True)
class Plot:
    """Points in a box of 1 by 1, the origin below left, and what stands at its edges."""

    points: tuple[tuple[float, float], ...]
    left: str
    right: str
    top: str


def html_page(profile: Profile, *, compared: Sequence[Compared] = (), against: str = "") -> str:
    """The page; `against` names what it is compared with.

    Raises:
        SpanbitError: jinja2 is not installed.
    """
    return _render("report.html.j2", profile, compared, against)


def markdown_page(profile: Profile, *, compared: Sequence[Compared] = (), against: str = "") -> str:
    """The same as Markdown, without pictures and trees."""
    return _render("report.md.j2", profile, compared, against)


def _render(template: str, profile: Profile, compared: Sequence[Compared], against: str) -> str:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ModuleNotFoundError as missing:
        raise not_installed("a report needs jinja2", missing, extra="plots") from missing
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=".html" in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["ms"] = _ms
    environment.filters["count"] = _count
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")  # of a Markdown table
    return environment.get_template(template).render(
        profile=profile,
        network=profile.network,
        settings=[_setting(run) for run in profile.runs],
        compared=compared,
        against=against,
        setting_text=setting_text,
        interval_text=interval_text,
        change_bar=_change_bar,
        trees={name: [list(tree.parent), list(tree.distance)] for name, tree in profile.trees.items()},
    )


def _setting(run: Run) -> dict[str, Any]:
    """What a template asks of one run."""
    figures, total = run.figures, run.figures.total
    assert total is not None
    slowest = max((layer.times.p50_ms for layer in figures.layers if layer.times), default=1.0)
    return {
        "run": run,
        "figures": figures,
        "total": total,
        "name": f"{figures.threads} thread{'s' * (figures.threads > 1)}"
        f" on {len(figures.cpus)} of {figures.cores} processors",
        "layers": [
            (layer, layer.times.p50_ms / slowest if layer.times and slowest else 0.0)
            for layer in figures.layers
        ],
        "memory": _memory(run),
        "histogram": histogram(figures.total_ns),
        "rounds": rounds_plot(figures.total_ns),
        "temperatures": temperature_plot(run.conditions),
    }


def _memory(run: Run) -> list[Bar]:
    memory = run.figures.memory
    named = {
        "weights and tables": memory.weights,
        "bundle file": memory.bundle,
        "arena (RAM)": memory.arena,
        "runner's code": memory.program,
        "peak in use (RSS)": memory.peak_rss,
    }
    most = max(named.values()) or 1
    return [Bar(label, f"{value:,} bytes", value / most) for label, value in named.items()]


def histogram(ns: Sequence[int]) -> list[Bar]:
    """How many rounds took how long. The slowest hundredth is in the last bar, lest it flatten the rest."""
    values = np.asarray(ns, np.float64) / 1e6
    least, most = float(values.min()), float(np.percentile(values, 99))
    if most <= least:
        return [Bar(f"{least:.4f} ms", str(len(values)), 1.0)]
    counts, edges = np.histogram(np.minimum(values, most), bins=min(_BINS, max(5, len(values) // 4)))
    return [
        Bar(f"{low:.4f} to {high:.4f} ms", str(count), float(count / counts.max()))
        for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True)
    ]


def rounds_plot(ns: Sequence[int]) -> Plot:
    """Each round's time in their order: a board that slows down is seen. Of many, the first of each group.

    As in the histogram, what is slower than the slowest hundredth stands at the upper edge.
    """
    step = -(-len(ns) // _SAMPLES_MAX)
    most = float(np.percentile(np.asarray(ns, np.float64), 99))
    return _plot([min(value, most) / 1e6 for value in ns[::step]], "first", "last", "{:.4f} ms and more")


def temperature_plot(conditions: Conditions) -> Plot | None:
    """The hottest zone from before the run until after it; None where the board has no thermometer."""
    states = (conditions.before, *conditions.during, conditions.after)
    degrees = [state.hottest_c for state in states if state.hottest_c is not None]
    return _plot(degrees, "before", "after", "{:.1f} degrees") if degrees else None


def _plot(values: Sequence[float], left: str, right: str, form: str) -> Plot:
    most = max(values) or 1.0
    last = max(1, len(values) - 1)
    points = tuple((place / last, value / most) for place, value in enumerate(values))
    return Plot(points, left, right, form.format(most))


def _change_bar(ratio: float) -> float:
    """Where a ratio stands between a half (0) and twice (1), by its logarithm."""
    return float(np.clip((np.log2(ratio) + 1) / 2, 0, 1))


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
