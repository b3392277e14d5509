"""Drafts as they are written down, one after the other, and what became of the source's values."""

from __future__ import annotations

from dataclasses import dataclass, field

from spanbit.graph.ops import Shape
from spanbit.importers.drafts import Draft, DraftStep
from spanbit.importers.values import Affine, Floats, Value


@dataclass(frozen=True)
class Fate:
    """What became of a value: a verb, why, and the draft that it is part of (None: of nothing)."""

    verb: str
    why: str = ""
    draft: int | None = None


@dataclass(frozen=True)
class Note:
    """A layer of the source that became no value, and why."""

    path: str
    label: str
    why: str


@dataclass(eq=False)
class Plan:
    """The drafts so far. A value's fate is "kept" as an operator, "folded" into one, or "elided"."""

    drafts: list[Draft] = field(default_factory=list)
    fates: dict[Value, Fate] = field(default_factory=dict)
    logits: dict[int, Floats] = field(default_factory=dict)
    """What rounded weights of a head on bits can change, [O], by its draft."""
    results: dict[int, tuple[Value, Affine]] = field(default_factory=dict)
    """By a draft, the value that is this scale and bias of what it delivers."""

    def add(
        self, name: str, step: DraftStep, sources: tuple[int, ...], values: list[Value], shape: Shape
    ) -> int:
        """One more draft, and its position; `values` are those that it stands for."""
        self.drafts.append(Draft(name, step, sources, shape, values))
        return len(self.drafts) - 1

    def deliver(self, draft: int, value: Value, behind: Affine | None = None) -> None:
        """`draft` delivers `value`, up to the scale and bias `behind` it."""
        same = Affine.identity(value.shape.channels)
        self.results.setdefault(draft, (value, behind or same))

    def keep(self, value: Value, draft: int, why: str = "") -> None:
        """`value` is an operator of its own."""
        self.fates[value] = Fate("kept", why, draft)

    def fold(self, values: list[Value], draft: int) -> None:
        """`values` are part of another value's operator."""
        for value in values:
            self.fates[value] = Fate("folded", "", draft)

    def elide(self, values: list[Value], why: str) -> None:
        """`values` change nothing."""
        for value in values:
            self.fates[value] = Fate("elided", why)
