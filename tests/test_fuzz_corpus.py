"""The fuzzers' seeds: every operator is among them, the fuzzers take them as they are, always the same."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
from spanbit.bundle import read_bundle
from spanbit.bundle.records import HEADER, LAYER, OpCode
from spanbit.cbuild import build, include_dirs, runtime_sources
from spanbit.errors import SpanbitError
from spanbit.graph import BinaryConv, KernelKind, Op
from spanbit.passes.layout import window_channels

FUZZ = Path(__file__).resolve().parent.parent / "runtime_c" / "fuzz"
SANITIZE = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_corpus", FUZZ / "make_corpus.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.NETWORKS = 24  # enough here; `make fuzz` takes more
    return module


def test_seeds_hold_every_operator_and_kernel(corpus: ModuleType) -> None:
    seeds = dict(corpus.bundles())
    assert seeds == dict(corpus.bundles())
    found: set[object] = set()
    layers: set[int] = set()
    for name, data in seeds.items():
        if "cut" in name:
            with pytest.raises(SpanbitError):
                read_bundle(data, name)
            continue
        ops = read_bundle(data, name).graph.ops
        header = np.frombuffer(data, HEADER, 1)[0]
        records = np.frombuffer(data, LAYER, int(header["layer_count"]), int(header["layer_offset"]))
        layers |= {int(op) for op in records["op"]}
        found |= {type(op).__name__ for op in ops}
        found |= {op.kernel for op in ops if isinstance(op, BinaryConv)}
    (plan,) = (plan for plan in read_bundle(seeds["wide"]).compiled.layers if plan.nodes is not None)
    assert isinstance(plan.op, BinaryConv) and len(seeds["wide"]) <= corpus.LARGEST
    assert window_channels(plan.op, plan.source, plan.result, plan.strip_rows) < plan.source.channels
    assert found >= {op.__name__ for op in get_args(Op)} | set(KernelKind)
    assert layers == set(OpCode)


@pytest.mark.parametrize("name", ["fuzz_bundle", "fuzz_image"])
def test_the_fuzzers_take_the_seeds(name: str, corpus: ModuleType, tmp_path: Path) -> None:
    seeds = corpus.bundles() if name == "fuzz_bundle" else corpus.images()
    count = corpus.write(tmp_path, seeds)
    program = build(
        ("gcc", "-std=c11", *SANITIZE, "-D_POSIX_C_SOURCE=200809L", "-DSPB_FUZZ_STANDALONE"),
        [*runtime_sources(), FUZZ / f"{name}.c"],
        include=include_dirs(),
        output_name=name,
    )
    paths = [str(path) for path in sorted(tmp_path.iterdir())]
    done = subprocess.run([str(program), *paths], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout) == (0, f"{count} inputs replayed\n"), done.stderr
