"""Values as operators to be: what is a comparison, what a number, what is folded into what.

    drafts, fates = lower(end)

Every value of the source has a fate: "kept" as an operator, "folded" into one, "elided" since it changes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from spanbit.graph.infer import MAX_KERNEL
from spanbit.graph.ops import (
    IMAGE,
    Add,
    AvgPool,
    BinaryConv,
    Concat,
    MaxPool,
    Padding,
    StemConv,
)
from spanbit.importers.comparison import Bools, Comparison
from spanbit.importers.demand import Demand, is_step, is_sums, taken
from spanbit.importers.drafts import (
    BitsDraft,
    DraftStep,
    MixDraft,
    NumberDraft,
    Range,
)
from spanbit.importers.ends import check_end, end_network
from spanbit.importers.layers import NO_SIGN, affine_of, then
from spanbit.importers.number_steps import known_range, steps_on_number
from spanbit.importers.plan import Plan
from spanbit.importers.values import (
    Affine,
    BatchNorm,
    BinaryConvolution,
    Clamp,
    Dense,
    Floats,
    Frame,
    Image,
    Joined,
    Largest,
    Mean,
    Opaque,
    RealConvolution,
    Sign,
    Slope,
    Stem,
    Sum,
    Value,
    refuse,
    refuse_opaque,
)
from spanbit.importers.weights import as_signs


@dataclass(eq=False)
class Sums:
    """The integer sums of a draft, and the scale and bias that wait behind them."""

    draft: int
    range: Range
    error: Floats
    affine: Affine


def lower(end: Value) -> Plan:
    """The drafts of a network, and what became of each value that it needs.

    Raises:
        SpanbitError: UNSUPPORTED_MODEL, naming the value's path.
    """
    lowering = Lowering(Demand.of(end))
    lowering.run()
    return lowering.plan


class Lowering:
    """Makes drafts of values: each as bits, as a number, or as sums, when somebody asks for it."""

    def __init__(self, demand: Demand) -> None:
        self.plan, self.demand = Plan(), demand
        self._numbers: dict[Value, int] = {}
        self._bits: dict[Value, int] = {}

    def run(self) -> None:
        check_end(self.demand)
        for value in self.demand.order:  # so that no call goes deep
            if value in self.demand.kept:
                self.number(value)
            elif isinstance(value.step, Sign):
                self.bits(value)
        end_network(self)

    # Sums -------------------------------------------------------------------------------------------------

    def sums(self, value: Value) -> Sums:
        """The convolution that `value` is; asked for once."""
        step = value.step
        ones, zeros = np.ones(value.shape.channels), np.zeros(value.shape.channels)
        if isinstance(step, Stem):
            if not isinstance(value.source.step, Image):
                refuse(value.path, value.label, "it takes the image, and stands behind another layer")
            op = StemConv(value.path, step.weight, step.stride, step.padding, step.pad_value, step.ceil)
            draft = self.plan.add(value.path, op, (IMAGE,), [value], value.shape)
            parts = 255.0 * step.weight.astype(np.float64).reshape(len(step.weight), -1)
            bounds = Range(np.minimum(parts, 0).sum(axis=1), np.maximum(parts, 0).sum(axis=1))
            self.plan.keep(value, draft, step.loss or "weights as they are")
            return Sums(draft, bounds, zeros if step.error is None else step.error, Affine(ones, zeros))
        source = self.bits(taken(value)[0], value)
        scale = ones
        if isinstance(step, Dense):
            step, scale = self._as_convolution(value, step)
        assert isinstance(step, BinaryConvolution)
        conv = BinaryConv(value.path, step.weight, step.stride, step.padding, step.outside)
        draft = self.plan.add(value.path, conv, (source,), [value], value.shape)
        self.plan.deliver(draft, value, Affine(scale, zeros))
        reach = (step.weight != 0).sum(axis=(1, 2, 3)).astype(np.float64)
        self.plan.keep(value, draft)
        return Sums(draft, Range(-reach, reach), zeros, Affine(scale, zeros))

    def _as_convolution(self, value: Value, step: Dense) -> tuple[BinaryConvolution, Floats]:
        """A fully connected layer that others follow: one window, as large as the map."""
        shape = taken(value)[0].shape
        found = as_signs(step.weight)
        if found is None:
            refuse(
                value.path,
                value.label,
                "its input is bits, its weights are not -1, 0 or +1 times one number an output, and it is "
                "not the last layer",
                "take the sign of its weights; the last layer may have any weights",
            )
        if max(shape.height, shape.width) > MAX_KERNEL:
            refuse(
                value.path,
                value.label,
                f"it takes a map of {shape}, and is not the last layer: windows go up to {MAX_KERNEL}",
                "pool in front of it",
            )
        weight = found[0].reshape(len(found[0]), shape.channels, shape.height, shape.width)
        return BinaryConvolution(np.ascontiguousarray(weight), 1, 0, Padding.MINUS_ONE), found[1]

    def _pool_sums(self, sums: Sums, pool: Value) -> None:
        sums.draft = self.plan.add(pool.path, MaxPool(pool.path), (sums.draft,), [pool], pool.shape)
        self.plan.keep(pool, sums.draft)

    # Bits -------------------------------------------------------------------------------------------------

    def bits(self, value: Value, consumer: Value | None = None) -> int:
        """The draft that is `value` as bits; `consumer`, who needs it so, is named if it cannot be."""
        if value in self._bits:
            return self._bits[value]
        match value.step:
            case Sign():
                draft = self._sign(value, value.step)
            case Largest() if value.is_bits:
                draft = self._pool_bits(value, self.bits(taken(value)[0], value), None)
            case Joined() if value.is_bits:
                sources = tuple(self.bits(source, value) for source in taken(value))
                draft = self.plan.add(value.path, Concat(value.path), sources, [value], value.shape)
                self.plan.keep(value, draft)
            case Frame():
                refuse(value.path, value.label, "it pads bits that no convolution without padding takes")
            case Opaque():
                refuse_opaque(value)
            case _:
                taker = consumer or value
                refuse(
                    taker.path,
                    taker.label,
                    f"its input, {value.label} {value.path!r}, is not bits",
                    NO_SIGN,
                )
        self._bits[value] = draft
        self.plan.deliver(draft, value)
        return draft

    def _pool_bits(self, pool: Value, source: int, take_min: Bools | None) -> int:
        step = pool.step
        assert isinstance(step, Largest)
        least = take_min if take_min is not None and take_min.any() else None
        op = MaxPool(pool.path, least, step.kernel, step.stride, step.padding, step.ceil)
        draft = self.plan.add(pool.path, op, (source,), [pool], pool.shape)
        self.plan.keep(pool, draft, "on bits")
        return draft

    def _sign(self, value: Value, sign: Sign) -> int:
        """The comparison that a sign is, of what stands before the steps in front of it."""
        chain: list[Value] = []
        root = taken(value)[0]
        while is_step(root) and root not in self.demand.kept:
            chain.append(root)
            root = taken(root)[0]
        asked = Comparison.of_sign(root.shape.channels, sign.strict)
        if root.is_bits:
            return self._sign_of_bits(value, root, chain, asked)
        leading: list[Value] = []
        sums = None
        if is_sums(root) and root not in self.demand.kept:
            sums = self.sums(root)
            while chain and _plain_pool(chain[-1]):
                leading.append(chain.pop())
        pools: list[tuple[Value, Bools]] = []
        for part in chain:
            if isinstance(part.step, Largest):
                pools.insert(0, (part, asked.turned))
                continue
            before, asked = asked, asked.before(part.step)
            same = isinstance(part.step, Clamp | Slope) and np.array_equal(before.bound, asked.bound)
            if same:
                self.plan.elide([part], "it does not change the sign that follows")
        if sums is not None:
            for pool in leading:
                self._pool_sums(sums, pool)
            asked = asked.before(sums.affine)
        source = sums.draft if sums is not None else self.number(root)
        name = next((part.path for part in chain if isinstance(part.step, BatchNorm)), value.path)
        shape = (taken(pools[0][0])[0] if pools else value).shape
        left = (part for part in chain if part not in self.plan.fates)
        folded = [part for part in left if not isinstance(part.step, Largest)]
        draft = self.plan.add(name, BitsDraft(asked, sums is None), (source,), [*folded, value], shape)
        self.plan.fold(folded, draft)
        self.plan.keep(value, draft, _of_zero(sign))
        for pool, turned in pools:
            draft = self._pool_bits(pool, draft, turned)
        return draft

    def _sign_of_bits(self, value: Value, root: Value, chain: list[Value], asked: Comparison) -> int:
        for part in chain:
            asked = asked.before(part.step)
        ones = np.ones(root.shape.channels)
        if not (asked.holds(ones) & ~asked.holds(-ones)).all():
            refuse(
                value.path,
                value.label,
                "its input is bits, shifted so that some of them turn round or are the same for every image",
                "take the sign of numbers",
            )
        self.plan.elide([*chain, value], "its input is bits already")
        return self.bits(root)

    # Numbers ----------------------------------------------------------------------------------------------

    def number(self, value: Value) -> int:
        """The draft that is `value` in fixed point."""
        if value in self._numbers:
            return self._numbers[value]
        chain: list[Value] = []
        root = value
        while is_step(root) and (root is value or root not in self.demand.kept):
            chain.insert(0, root)
            root = taken(root)[0]
        if root.is_bits:
            taker = chain[0] if chain else value
            refuse(
                taker.path,
                taker.label,
                "its input is bits, -1 and +1, that are needed as numbers",
                "take the shortcut in front of the sign, as Bi-Real networks do",
            )
        draft = self._made(root, chain)
        self._numbers[value] = draft
        self.plan.deliver(draft, value)
        return draft

    def _made(self, root: Value, chain: list[Value]) -> int:
        """`root` as a number, and the steps behind it."""
        alone = not chain or root not in self.demand.kept
        if is_sums(root) and alone:
            draft, rest = self._from_sums(root, chain)
        elif _is_real_convolution(root) and alone:
            draft, rest = self._from_real_convolution(root, chain)
        elif not chain:
            draft, rest = self._producer(root), []
        else:
            draft, rest = self.number(root), chain
        return steps_on_number(self.plan, draft, rest)

    def _producer(self, value: Value) -> int:
        match value.step:
            case Sum():
                step: DraftStep = Add(value.path)
            case Mean():
                step = AvgPool(value.path, value.step.kernel, value.step.stride, value.step.ceil)
            case Joined():
                step = Concat(value.path)
            case Opaque():
                refuse_opaque(value)
            case _:
                self._not_numbers(value)
        draft = self.plan.add(
            value.path, step, tuple(self.number(source) for source in taken(value)), [value], value.shape
        )
        self.plan.keep(value, draft)
        return draft

    def _not_numbers(self, value: Value) -> NoReturn:
        refuse(value.path, value.label, "its result cannot be had as numbers")

    def _from_sums(self, root: Value, chain: list[Value]) -> tuple[int, list[Value]]:
        """Requantize, with all scales and biases that come first; and the steps that are left."""
        sums = self.sums(root)
        affine, bounds = sums.affine, sums.range.scaled(sums.affine)
        folded: list[Value] = []
        rest = list(chain)
        while rest:
            step = rest[0].step
            if isinstance(step, BatchNorm | Affine):
                affine, bounds = then(affine, step), _behind(bounds, step)
                folded.append(rest.pop(0))
            elif _plain_pool(rest[0]) and (affine.scale >= 0).all():
                self._pool_sums(sums, rest.pop(0))
            else:
                break
        name = next((part.path for part in reversed(folded) if part.path != root.path), f"{root.path}.number")
        number = NumberDraft(affine, sums.range, sums.error, bounds)
        shape = self.plan.drafts[sums.draft].shape
        draft = self.plan.add(name, number, (sums.draft,), folded, shape)
        self.plan.fold(folded, draft)
        return draft, rest

    def _from_real_convolution(self, root: Value, chain: list[Value]) -> tuple[int, list[Value]]:
        """RealConv, with all scales and biases that come first."""
        (source,) = taken(root)
        if isinstance(root.step, Dense):
            if (source.shape.height, source.shape.width) != (1, 1):
                refuse(
                    root.path,
                    root.label,
                    f"it takes a map of numbers of {source.shape}, and is not the last layer",
                    "pool to 1x1 in front of it, or put a sign in front of it and take that of its weights",
                )
            weight, stride = root.step.weight, 1
        else:
            assert isinstance(root.step, RealConvolution)
            weight, stride = root.step.weight, root.step.stride
        affine = Affine.identity(len(weight))
        known: Range | None = None
        folded: list[Value] = []
        rest = list(chain)
        while rest and isinstance(rest[0].step, BatchNorm | Affine):
            step = rest[0].step
            affine = then(affine, step)
            known = known_range(step) or (None if known is None else known.scaled(affine_of(step)))
            folded.append(rest.pop(0))
        mix = MixDraft(weight * affine.scale[:, None], affine.bias, stride, known)
        name = (folded[-1] if folded else root).path  # whose result it is
        draft = self.plan.add(name, mix, (self.number(source),), [root, *folded], root.shape)
        self.plan.keep(root, draft)
        self.plan.fold(folded, draft)
        return draft, rest


def _plain_pool(value: Value) -> bool:
    step = value.step
    plain = (2, 2, 0, False)
    return isinstance(step, Largest) and (step.kernel, step.stride, step.padding, step.ceil) == plain


def _is_real_convolution(value: Value) -> bool:
    return isinstance(value.step, RealConvolution | Dense) and not taken(value)[0].is_bits


def _behind(bounds: Range, step: BatchNorm | Affine) -> Range:
    scaled, known = bounds.scaled(affine_of(step)), known_range(step)
    return scaled if known is None else scaled.within(known)


def _of_zero(sign: Sign) -> str:
    return "a zero counts as +1, PyTorch's sign has 0" if sign.zero == 0 else ""
