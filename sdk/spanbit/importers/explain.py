"""What became of every layer of a source network, as lines to read.

    for line in explanation.lines: print(line)

Each layer of the source is kept (an operator of its own), folded into one, or elided; a real tensor says how
many bits stand behind its point, where its numbers can be, and how far they are off at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spanbit.graph.ops import Graph
from spanbit.importers.fixed_point import Real
from spanbit.importers.origins import Origin, origins_of
from spanbit.importers.plan import Note, Plan
from spanbit.importers.values import Floats, Value


@dataclass(frozen=True)
class Line:
    """A layer of the source: path and type, the verb, the operator that it is or is part of, details."""

    path: str
    label: str
    verb: str
    operator: str = ""
    detail: str = ""

    def __str__(self) -> str:
        what = f"{self.path or '(the module itself)'} ({self.label}): {self.verb}"
        into = f" {self.operator}" if self.operator else ""
        return f"{what}{into}{'; ' if self.detail else ''}{self.detail}"


@dataclass(frozen=True, eq=False)
class Explanation:
    """A graph, where it comes from, and the bounds of its real tensors, by the operator's position.

    `logits`: the bound of the logits' error, given the same bits; None where only float32 rounds them.
    `origins`: by an operator's position, the source's tensor that it can be compared with.
    """

    graph: Graph
    lines: tuple[Line, ...]
    reals: dict[int, Real]
    logits: Floats | None
    origins: Mapping[int, Origin]

    def __str__(self) -> str:
        return "\n".join(str(line) for line in self.lines)


def explain(
    graph: Graph,
    plan: Plan,
    notes: Sequence[Note],
    reals: dict[int, Real],
    logits: dict[int, Floats],
    named: Mapping[Value, str],
) -> Explanation:
    """The lines in the order of the source's calls."""
    lines: list[Line] = []
    kept = {(value.path, value.label) for value, fate in plan.fates.items() if fate.verb == "kept"}
    for value, fate in sorted(plan.fates.items(), key=lambda item: item[0].serial):
        if fate.verb == "folded" and (value.path, value.label) in kept:
            continue  # a layer's own scale and bias
        draft = fate.draft
        operator, detail = "", [fate.why] if fate.why else []
        if draft is not None:
            op = graph.ops[draft]
            kind = type(op).__name__
            operator = f"as {kind}" if fate.verb == "kept" else f"into {kind} {op.name!r}"
            is_last_part = not plan.drafts[draft].values or plan.drafts[draft].values[-1] is value
            if draft in reals and is_last_part:
                detail.append(_of_real(reals[draft]))
            if draft in logits and fate.verb == "kept":
                detail.append(f"logits within {logits[draft].max(initial=0.0):.2g}")
        lines.append(Line(value.path, value.label, fate.verb, operator, ", ".join(detail)))
    lines += [Line(note.path, note.label, "elided", "", note.why) for note in notes]
    origins = origins_of(plan.results, named)
    return Explanation(graph, tuple(lines), reals, next(iter(logits.values()), None), origins)


def _of_real(real: Real) -> str:
    low, high = real.range.lowest.min(initial=0.0), real.range.highest.max(initial=0.0)
    return (
        f"int16 with {real.fraction} bits behind the point, numbers within {low:.4g} .. {high:.4g}, "
        f"error up to {real.error.max(initial=0.0):.2g}"
        f"{', what is larger than int16 saturates' if real.may_saturate else ''}"
    )
