"""The stem's tiles in assembly, on emulated Cortex-M cores: kernels, strides, channels of all kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bare_metal import run_network
from row_nets import row_graph
from spanbit.bundle import read_bundle, write_bundle
from spanbit.export import Tables, c_network
from spanbit.passes import compile_graph
from spanbit.targets import load_target

# Which tile: SMLAD, MLA, MULS; where words are loaded from any address, and where not.
CORES = [("cortex-m4", "gcc"), ("cortex-m3", "gcc"), ("cortex-m0plus", "gcc")]
CORES += [(core, "clang") for core, _ in CORES]
# 3x5x5 taps into 12 channels of bits, and into 19; 3x3x3 into 5 of reals; 1x1x1 into 5: stride 2 but one.
SEEDS = [86, 225, 269, 149]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("core", "compiler"), CORES)
def test_a_stem_on_an_emulated_core(core: str, compiler: str, seed: int, tmp_path: Path) -> None:
    graph, target = row_graph(seed), load_target(core)
    sides = graph.input
    golden = np.random.default_rng(seed).integers(
        0, 256, (2, sides.height, sides.width, sides.channels), np.uint8
    )
    net = c_network(
        read_bundle(write_bundle(compile_graph(graph, target), golden)), "stem", Tables.FLASH, target.isa
    )
    machine = "mps2-an385" if core == "cortex-m0plus" else ""
    run = run_network(net, target, golden, tmp_path, toolchain=compiler, machine=machine, optimise="-O1")
    assert run.check == 0, f"layer {run.check - 1} differs from the golden image's"
    assert len(np.unique(run.outputs, axis=0)) == 2


def test_the_seeds_are_what_they_stand_for() -> None:
    stems = [row_graph(seed).ops[0].weight.shape for seed in SEEDS]
    assert stems == [(12, 3, 5, 5), (19, 3, 5, 5), (5, 3, 3, 3), (5, 1, 1, 1)]
