"""Batch-norm and sign as one integer comparison."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.fold import fold_batchnorm
from spanbit.graph.ops import Compare

QUARTERS = st.integers(-400, 400).map(lambda part: part / 4)


def holds(compare: int, value: int, total: int) -> bool:
    match Compare(compare):
        case Compare.GE:
            return total >= value
        case Compare.LE:
            return total <= value
        case Compare.NEVER:
            return False
        case Compare.ALWAYS:
            return True


@settings(max_examples=200, deadline=None)
@given(
    gamma=st.sampled_from([-4.0, -2.0, -0.5, 0.0, 0.25, 1.0, 2.0]),
    beta=QUARTERS,
    mean=QUARTERS,
    root=st.integers(1, 64),
)
def test_the_threshold_is_the_sign_of_the_exact_batchnorm(
    gamma: float, beta: float, mean: float, root: int
) -> None:
    # A square variance and powers of two: float64 makes no error, so exact fractions must agree, ties too.
    value, compare = fold_batchnorm([gamma], [beta], [mean], [float(root * root)], 0.0)
    border = int(value[0])
    for total in {0, border - 1, border, border + 1}:
        exact = Fraction(gamma) * (total - Fraction(mean)) / root + Fraction(beta)
        assert holds(int(compare[0]), border, total) == (exact >= 0)


def test_bounds_beyond_int32_saturate() -> None:
    value, compare = fold_batchnorm([1e-30, -1e-30, 1e-320], [1, 1, -1], [0, 0, 0], [1, 1, 1], 0.0)
    assert value.tolist() == [-(2**31), 2**31 - 1, 2**31 - 1]
    assert compare.tolist() == [Compare.GE, Compare.LE, Compare.GE]
    assert value.dtype == np.int32 and compare.dtype == np.uint8


def test_zero_gamma_is_a_constant() -> None:
    _, compare = fold_batchnorm([0.0, -0.0, 0.0], [0.0, 3.0, -1e-30], [1, 1, 1], [1, 1, 1], 1e-5)
    assert compare.tolist() == [Compare.ALWAYS, Compare.ALWAYS, Compare.NEVER]


@pytest.mark.parametrize(("gamma", "var"), [(np.nan, 1.0), (1.0, np.inf), (1.0, -1.0)])
def test_broken_parameters_are_refused_by_the_layers_name(gamma: float, var: float) -> None:
    with pytest.raises(SpanbitError, match=r"block\.bn") as caught:
        fold_batchnorm([gamma], [0.0], [0.0], [var], 1e-5, where="block.bn")
    assert caught.value.code == ExitCode.UNSUPPORTED_MODEL
