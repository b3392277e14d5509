"""TensorFlow's padding as one padding and zero taps: the same results, over sizes, windows and strides."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from spanbit.importers.keras.padding import NONE, Pads, same, symmetric

SIDES = st.tuples(st.integers(1, 12), st.integers(1, 12))
WINDOW = st.tuples(st.integers(1, 5), st.integers(1, 5))


def _convolved(image: np.ndarray, taps: np.ndarray, pads: Pads, stride: int) -> np.ndarray:
    framed = np.pad(image, [(0, 0), (pads.top, pads.bottom), (pads.left, pads.right)], constant_values=-1)
    windows = np.lib.stride_tricks.sliding_window_view(framed, taps.shape[2:], axis=(1, 2))
    return np.einsum("cyxij,ocij->oyx", windows[:, ::stride, ::stride], taps)


@given(SIDES, WINDOW, st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_same_is_ceil_of_the_side_over_the_stride(
    sides: tuple[int, int], window: tuple[int, int], stride: int, seed: int
) -> None:
    pads = same(sides, window, (stride, stride))
    random = np.random.default_rng(seed)
    image, taps = random.integers(-9, 9, (2, *sides)), random.integers(-1, 2, (3, 2, *window))
    wanted = _convolved(image, taps, pads, stride)
    assert wanted.shape[1:] == tuple(-(-side // stride) for side in sides)
    assert 0 <= pads.bottom - pads.top <= 1 and 0 <= pads.right - pads.left <= 1
    wide, amount = symmetric(taps, pads, sides, stride)
    np.testing.assert_array_equal(_convolved(image, wide, Pads(*(amount,) * 4), stride), wanted)


@given(SIDES, WINDOW, st.integers(1, 2), st.tuples(*(st.integers(0, 3),) * 4), st.integers(0, 2**32 - 1))
def test_any_padding_is_one_padding_and_zero_taps(
    sides: tuple[int, int], window: tuple[int, int], stride: int, around: tuple[int, ...], seed: int
) -> None:
    pads = Pads(*around)
    framed = pads.padded(sides)
    if framed[0] < window[0] or framed[1] < window[1]:
        return
    random = np.random.default_rng(seed)
    image, taps = random.integers(-9, 9, (2, *sides)), random.integers(-1, 2, (3, 2, *window))
    wide, amount = symmetric(taps, pads, sides, stride)
    np.testing.assert_array_equal(
        _convolved(image, wide, Pads(*(amount,) * 4), stride), _convolved(image, taps, pads, stride)
    )


def test_padding_that_is_alike_changes_no_kernel() -> None:
    taps = np.ones((1, 1, 3, 3))
    for pads in (NONE, Pads(1, 1, 1, 1)):
        wide, amount = symmetric(taps, pads, (8, 8), 1)
        assert wide.shape == taps.shape and amount == pads.top
