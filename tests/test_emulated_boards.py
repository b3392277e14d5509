"""Random networks on every emulated core: the runner checks the golden integers of each layer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from deploy_helpers import assert_golden
from nets import random_graph, random_image
from spanbit.bundle import write_bundle
from spanbit.graph import KernelKind
from spanbit.passes import compile_graph
from spanbit.targets import load_target
from spanbit_deploy.toolchains import build_runner

KERNELS = (None, KernelKind.TREE, KernelKind.DENSE)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    paths: list[Path] = []
    for seed in range(24):
        graph = random_graph(700 + seed)
        images = np.stack([random_image(graph, seed + i) for i in range(2)])
        compiled = compile_graph(graph, load_target("rpi4"), KERNELS[seed % 3])
        paths.append(folder / f"{seed}.spb")
        paths[-1].write_bytes(write_bundle(compiled, images))
    return paths


@pytest.mark.parametrize("name", ["rpi4", "rpi3", "rpi5", "rpi2", "rpi-zero"])
def test_golden_outputs_on_an_emulated_core(name: str, bundles: list[Path]) -> None:
    target = load_target(name)
    runner = str(build_runner(target))
    for index, bundle in enumerate(bundles):
        assert_golden(target, runner, bundle, threads=1 + index % 8, count=2)
