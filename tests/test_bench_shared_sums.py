"""The prototype of shared sums is exact, and its committed figures are those that the docs speak of."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from emulate import run_json
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from results import read_result
from shapes import Layer
from shared_sums import KERNELS, prototype, write_weights
from spanbit.graph import KernelKind
from spanbit.runtime import ISAS, host_compiler, isas
from spanbit.targets import load_target
from subject import LAYER, write_subject

_PLANE_ALIGN = 32


def _input(channels: int, side: int) -> NDArray[np.bool_]:
    """What bench_bundle.h fills a tensor with."""
    state, bits = 1, []
    for _ in range(channels * side * side):
        state = (state * 1664525 + 1013904223) % 2**32
        bits.append(state >> 31)
    return np.array(bits, bool).reshape(channels, side, side)


def _checksum(weight: NDArray[np.int8], threshold: NDArray[np.int32]) -> int:
    """Of the output planes, by the definition; -1 outside the image."""
    channels, side = weight.shape[1], 16
    padded = np.full((channels, side + 2, side + 2), -1)
    padded[:, 1:-1, 1:-1] = 2 * _input(channels, side) - 1
    windows = sliding_window_view(padded, (3, 3), axis=(1, 2))
    sums = np.einsum("chwyx,ocyx->ohw", windows, weight.astype(np.int64))
    rows = np.packbits(sums >= threshold[:, None, None], axis=2, bitorder="little")
    planes = rows.reshape(len(weight), -1)
    assert planes.shape[1] == _PLANE_ALIGN, "a plane is whole"
    return zlib.crc32(planes.tobytes())


# Blocks are of 63 taps: one of them begun, one full, one more, and four, where a carry waits twice.
@pytest.mark.parametrize(("in_channels", "out_channels"), [(3, 8), (7, 5), (8, 16), (28, 40), (60, 24)])
@pytest.mark.parametrize("isa", [isa for isa in isas() if isa not in ("native", "scalar32")])
def test_the_prototype_equals_the_definition(
    tmp_path: Path, isa: str, in_channels: int, out_channels: int
) -> None:
    layer = Layer("layer", in_channels, out_channels, kernel=3, stride=1, padding=1, size=16)
    signs = np.random.default_rng(in_channels).integers(0, 2, (out_channels, in_channels, 3, 3))
    weight = (2 * signs - 1).astype(np.int8)
    subject = write_subject(tmp_path / "a.spb", weight, layer, KernelKind.TREE, load_target("host"))
    weights = write_weights(tmp_path / "weights", weight, subject)
    program = prototype((host_compiler(), "-std=c11", "-O1", *ISAS[isa]))
    said = run_json(str(program), str(subject.path), str(LAYER), str(weights), "1")
    assert subject.plan.threshold is not None
    assert said == [{"crc": _checksum(weight, subject.plan.threshold.value)}]


def test_the_committed_figures_say_what_the_docs_say() -> None:
    """Fewer instructions than popcount, more cycles than the tree of the same weights. Else change docs."""
    for row in read_result("shared-sums")["rows"]:
        for figures in row["on"].values():
            assert tuple(figures) == KERNELS
            shared = figures["shared sums"]
            assert shared["instructions"] < figures["dense"]["instructions"]
            assert shared["cycles"] > figures["tree"]["cycles"]
            assert shared["instructions"] > 0.95 * figures["tree"]["instructions"]
