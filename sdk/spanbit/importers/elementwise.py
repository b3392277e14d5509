"""Elementwise calls: those that are steps, and those that are a sign only together.

A function of one value is kept as what it makes of any tensor (`Elementwise.of`), back to the last value that
is more than that. So `(x >= 0).float() * 2 - 1` is four calls, each with a function of x, and the last of
them is found to be a sign (`probe.py`). In between they are `Opaque`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from spanbit.importers.layers import Place
from spanbit.importers.probe import probe_sign
from spanbit.importers.values import Opaque, Sign, Step, Value

Function = Callable[[Any], Any]


class Elementwise:
    """Remembers of each value what function of which value before it it is.

    Args:
        tensor: an array in float64 as what the functions take.
        array: the inverse.
    """

    def __init__(self, tensor: Function, array: Function) -> None:
        self._tensor, self._array = tensor, array
        self._made: dict[Value, tuple[Value, Function]] = {}
        self._signs: dict[tuple[Value, bool], Value] = {}

    def value(
        self,
        path: str,
        label: str,
        sign: Place,
        operands: list[Value],
        run: Callable[[dict[Value, Any]], Any],
        step: Step | None,
    ) -> Value:
        """What `run` makes of its operands: a sign (which is called `sign`), else `step`, else opaque.

        Args:
            run: calculates the call from tensors in the places of its operands.
        """
        found = self._sign(sign, operands, run)
        if found is not None:
            return found
        value = Value(path, label, step or Opaque(), tuple(operands), operands[0].shape)
        nearest = next(self._common(operands), None)
        if nearest is not None:
            base, functions = nearest
            self._made[value] = (base, _composed(functions, run))
        return value

    def sign(self, path: str, label: str, source: Value, strict: bool = False, zero: int = 1) -> Value:
        """The sign of `source`; the same value each time it is asked for."""
        key = (source, strict)
        if key not in self._signs:
            value = Value(path, label, Sign(strict, zero), (source,), source.shape)
            self._signs[key] = value
            self._made[value] = (source, _strict_sign if strict else _sign)
        return self._signs[key]

    def _sign(
        self, sign: Place, operands: list[Value], run: Callable[[dict[Value, Any]], Any]
    ) -> Value | None:
        for base, functions in self._common(operands):
            composed = _composed(functions, run)
            found = probe_sign(_behind(_behind(self._tensor, composed), self._array))
            if found is not None:
                return self.sign(sign.path, sign.label, base, found.strict, found.zero)
        return None

    def _common(self, operands: list[Value]) -> Iterator[tuple[Value, dict[Value, Function]]]:
        """Values that all operands are functions of, the nearest first, and the functions."""
        chains = [dict(self._chain(operand)) for operand in operands]
        for base in chains[0]:
            if all(base in chain for chain in chains):
                yield base, {op: chain[base] for op, chain in zip(operands, chains, strict=True)}

    def _chain(self, value: Value) -> Iterator[tuple[Value, Function]]:
        function: Function = _same
        yield value, function
        while value in self._made:
            value, inner = self._made[value]
            function = _behind(inner, function)
            yield value, function


def _composed(functions: dict[Value, Function], run: Callable[[dict[Value, Any]], Any]) -> Function:
    return lambda x: run({operand: function(x) for operand, function in functions.items()})


def _behind(inner: Function, outer: Function) -> Function:
    return lambda x: outer(inner(x))


def _same(x: Any) -> Any:
    return x


def _sign(x: Any) -> Any:
    return (x >= 0) * 2.0 - 1.0


def _strict_sign(x: Any) -> Any:
    return (x > 0) * 2.0 - 1.0
