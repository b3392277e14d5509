"""Which values of a network are needed as numbers, and which only as their sign.

    demand = Demand.of(end)
    demand.kept            # values that become tensors of real numbers

A batch-norm behind a convolution costs nothing where only a sign follows: both are one comparison of sums.
Where a shortcut, a mean or a real convolution takes its result, it is a number, made once, and signs of it
are comparisons of that number. Sums go to one operator alone, so what two take is a number too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from spanbit.importers.values import (
    Affine,
    BatchNorm,
    BinaryConvolution,
    Clamp,
    Dense,
    Flat,
    Joined,
    Largest,
    Mean,
    Ordered,
    RealConvolution,
    Slope,
    Stem,
    Sum,
    Value,
    in_order,
)


def is_step(value: Value) -> bool:
    """Whether it can be part of a comparison in front of which something else makes numbers."""
    chained = isinstance(value.step, BatchNorm | Affine | Clamp | Slope | Largest)
    return chained and not value.is_bits


def is_sums(value: Value) -> bool:
    """Whether it is the integer sums of a convolution."""
    if isinstance(value.step, Dense):
        return taken(value)[0].is_bits
    return isinstance(value.step, Stem | BinaryConvolution)


def taken(value: Value) -> list[Value]:
    """Its sources, as maps: flattening is nothing that is calculated."""
    found = []
    for source in value.sources:
        while isinstance(source.step, Flat):
            source = source.source  # noqa: PLW2901
        found.append(source)
    return found


@dataclass(eq=False)
class Demand:
    """Values in an order of calculation, who takes them, and the kept ones."""

    order: list[Value]
    last: Value  # the layer whose result is the network's
    behind: list[Value]  # scales and biases behind it, the first first
    dropped: list[Value]  # ends that change no label
    consumers: dict[Value, list[Value]] = field(default_factory=dict)
    kept: set[Value] = field(default_factory=set)

    @classmethod
    def of(cls, end: Value) -> Demand:
        """What the network needs that ends in `end`."""
        dropped: list[Value] = []
        while isinstance(end.step, Ordered | Flat):
            dropped += [end] if isinstance(end.step, Ordered) else []
            end = end.source
        order = [value for value in in_order(end) if not isinstance(value.step, Flat)]
        demand = cls(order, end, [], dropped, {value: [] for value in order})
        for value in order:
            for source in taken(value):
                demand.consumers[source].append(value)
        demand._find_last()
        demand._find_kept()
        return demand

    def _find_last(self) -> None:
        while isinstance(self.last.step, BatchNorm | Affine):
            before = taken(self.last)[0]
            if len(self.consumers[before]) > 1:
                break
            self.behind.insert(0, self.last)
            self.last = before
        if not isinstance(self.last.step, Dense | BinaryConvolution):
            # A number, whatever scales it: those are part of it again.
            self.last = self.behind[-1] if self.behind else self.last
            self.behind = []
            self.kept.add(self.last)

    def _find_kept(self) -> None:
        for value in reversed(self.order):
            consumers = self.consumers[value]
            numbers = any(_needs_numbers(consumer, value) for consumer in consumers)
            shared = len(consumers) > 1 and self._from_sums(value)
            turns_back = isinstance(value.step, Slope) and bool((value.step.slope < 0).any())
            if (numbers or shared or turns_back) and not value.is_bits:
                self.kept.add(value)
        for value in self.order:
            # The batch-norm behind a real convolution goes into its weights, even if only a sign follows.
            source = value.sources[0] if value.sources else None
            if (
                isinstance(value.step, BatchNorm | Affine)
                and source is not None
                and isinstance(source.step, RealConvolution | Affine)
                and self._from_real_convolution(source)
                and not any(isinstance(other.step, BatchNorm | Affine) for other in self.consumers[value])
            ):
                self.kept.add(value)

    def _from_sums(self, value: Value) -> bool:
        while is_step(value):
            value = taken(value)[0]
        return is_sums(value)

    def _from_real_convolution(self, value: Value) -> bool:
        while isinstance(value.step, BatchNorm | Affine) and value not in self.kept:
            value = taken(value)[0]
        return isinstance(value.step, RealConvolution) and value not in self.kept


def _needs_numbers(consumer: Value, value: Value) -> bool:
    if isinstance(consumer.step, Dense | Joined):
        return not value.is_bits and not (isinstance(consumer.step, Joined) and consumer.is_bits)
    return isinstance(consumer.step, Sum | Mean | RealConvolution)
