"""TensorFlow Lite beside spanbit: the twin of a network, and its time on the same board."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from deploy_helpers import make_bundle, spanbit
from numpy.typing import NDArray
from residual_nets import random_residual_graph
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import BinaryConv, Graph, Head, MaxPool, Padding, Shape, StemConv, Threshold, validate
from spanbit.targets import load_target
from spanbit.tflite import KINDS, twin
from spanbit_deploy.board.packages import fetch_programs
from spanbit_deploy.execute import RunPlan
from spanbit_deploy.transports import Emulated, Local, Result
from spanbit_deploy.versus.tflite import Versus, run_tflite
from spanbit_deploy.watcher import Watcher


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("versus"))


@pytest.fixture(scope="module")
def model(bundle: Path) -> Path:
    done = spanbit("export", str(bundle), "--format", "tflite", "-o", str(bundle.with_name("twins")))
    assert done.returncode == 0, done.stderr
    path = bundle.with_name("twins") / "tiny-int8.tflite"
    assert f"--versus {path}" in done.stdout
    assert {found.name for found in path.parent.iterdir()} == {path.name, "tiny-float32.tflite"}
    return path


def outputs(model: bytes, image: NDArray[np.float32] | None = None) -> Any:
    """What LiteRT calculates; the image is zeros where none is given."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (place,) = interpreter.get_input_details()
    value = np.zeros(place["shape"]) if image is None else image
    interpreter.set_tensor(place["index"], value.astype(place["dtype"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def convolved(image: Any, weight: NDArray[np.int8], stride: int, padding: int) -> Any:
    """Sums [O, H, W] of an image [C, H, W], zeros outside, then what is below zero cut off."""
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    kernel = weight.shape[2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))
    sums = np.einsum("chwyx,ocyx->ohw", windows[:, ::stride, ::stride], weight.astype(np.float64))
    return np.maximum(sums, 0)


def test_the_float_twin_has_the_networks_weights() -> None:
    draw = np.random.default_rng(3)
    stem = draw.integers(-9, 10, (4, 3, 3, 3)).astype(np.int8)
    conv = draw.integers(-1, 2, (8, 4, 3, 3)).astype(np.int8)
    head = draw.integers(-9, 10, (5, 8 * 3 * 3)).astype(np.int8)

    def bits(name: str, count: int) -> Threshold:
        return Threshold(name, np.zeros(count, np.int32), np.zeros(count, np.uint8))

    graph = Graph(
        "net",
        Shape(3, 7, 7),
        (
            StemConv("stem", stem, 1, 0, np.zeros(3, np.uint8)),
            bits("stem.bits", 4),
            BinaryConv("conv", conv, 1, 2, Padding.ZERO),  # a padding that SAME is not
            bits("conv.bits", 8),
            MaxPool("pool"),
            Head("head", head, np.ones(5, np.float32), np.zeros(5, np.float32)),
        ),
    )
    image = draw.integers(0, 9, (3, 7, 7)).astype(np.float64)
    value = convolved(convolved(image, stem, 1, 0), conv, 1, 2)[:, :6, :6]
    pooled = value.reshape(8, 3, 2, 3, 2).max((2, 4))
    wanted = head.astype(np.float64) @ pooled.reshape(-1)
    found = outputs(twin(graph, "float32"), image.transpose(1, 2, 0)[None])
    assert np.allclose(found, wanted[None], rtol=1e-5)
    assert outputs(twin(graph, "int8"), image.transpose(1, 2, 0)[None]).dtype == np.int8


@pytest.mark.parametrize("numbers", KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_twins_of_residual_networks_run(seed: int, numbers: Any) -> None:
    graph = random_residual_graph(seed, side_max=16)
    result = validate(graph)[-1].shape
    assert outputs(twin(graph, numbers)).shape in (
        (1, result.channels),
        (1, result.height, result.width, result.channels),
    )


def test_profile_versus(bundle: Path, model: Path) -> None:
    done = spanbit("profile", str(bundle), "--rounds", "20", "--versus", str(model), "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["runs"][0]["versus"]
    assert found["runtime"].startswith("LiteRT ") and len(found["total_ns"]) == 20
    assert 0 < found["total"]["min_ms"] <= found["total"]["p50_ms"] and found["first_ms"] > 0
    done = spanbit("profile", str(bundle), "--rounds", "5", "--versus", str(model), COLUMNS="200")
    assert "times as long" in done.stdout
    bad = model.with_name("bad.tflite")
    bad.write_bytes(b"no model at all")
    for more, code, said in (
        (("--versus", str(bad)), ExitCode.BAD_INPUT, "not a TensorFlow Lite model"),
        (("--versus", str(bad) + "x"), ExitCode.BAD_INPUT, "cannot read"),
        (("--versus", str(model), "--seconds", "1"), ExitCode.USAGE, "do not go together"),
        (("--versus", str(model), "--on", "emulated:rpi4"), ExitCode.BOARD, "no TensorFlow Lite runtime"),
    ):
        done = spanbit("profile", str(bundle), "--rounds", "2", *more)
        assert done.returncode == code, (more, done.stderr)
        assert said in done.stderr and "Traceback" not in done.stderr


def test_answers_that_are_refused(model: Path, tmp_path: Path) -> None:
    class Lies(Local):
        said = b""

        def run(self, command: Any, *, timeout: float = 60) -> Result:
            if "timer.py" in " ".join(command):
                return Result(0, self.said, b"")
            return super().run(command, timeout=timeout)

    times: dict[str, Any] = {"versus": 1, "runtime": "x", "version": "1", "first_ns": 3, "total_ns": [1, 2]}
    for change in (
        "",
        "[]",
        "{" * 9999,
        {"versus": 2},
        {"total_ns": [1]},
        {"total_ns": [1, -2]},
        {"first_ns": "3"},
    ):
        text = change if isinstance(change, str) else json.dumps({**times, **change})
        Lies.said = text.encode()
        with Lies(tmp_path) as board, pytest.raises(SpanbitError, match="timer"):
            run_tflite(board, model, plan=RunPlan(rounds=2), install=False, timeout=60, watcher=Watcher())
    assert not [path for path in tmp_path.rglob("*.tmp")]


def test_it_is_installed_into_an_environment_of_its_own(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a board whose Python has no runtime. The wheel that pip finds leads to this Python's own LiteRT."""
    info = "ai_edge_litert-99.dist-info"
    with zipfile.ZipFile(tmp_path / "ai_edge_litert-99-py3-none-any.whl", "w") as wheel:
        wheel.writestr("litert.pth", sysconfig.get_path("purelib") + "\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: ai-edge-litert\nVersion: 99\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    class Bare(Local):
        python = (getattr(sys, "_base_executable", sys.executable),)

    with Bare(tmp_path / "home") as board:

        def run(*, install: bool) -> Versus:
            plan = RunPlan(rounds=2)
            return run_tflite(board, model, plan=plan, install=install, timeout=60, watcher=Watcher())

        with pytest.raises(SpanbitError, match=r"no TensorFlow Lite runtime[\s\S]*--versus-install"):
            run(install=False)
        assert not (tmp_path / "home" / ".spanbit" / "venv").exists()  # it was not asked for
        for install in (True, False):  # the second finds it
            found = run(install=install)
            assert found.runtime.startswith("LiteRT ") and len(found.total_ns) == 2
    assert (tmp_path / "home" / ".spanbit" / "venv" / "bin" / "python").exists()


def test_in_an_emulated_arm64_userland(model: Path, tmp_path: Path) -> None:
    """Debian's Python for arm64 and LiteRT's wheel, under qemu: the times mean nothing, that it runs does."""
    root = fetch_programs(tmp_path, ("python3-minimal", "libpython3-stdlib", "libstdc++6"))
    (program,) = root.glob("usr/bin/python3.*[0-9]")
    site = tmp_path / "site"
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (17, 27, 28)]
    subprocess.run(
        (
            *(sys.executable, "-m", "pip", "install", "-q", "--only-binary=:all:", "--no-compile"),
            *(*platforms, "--platform=manylinux2014_aarch64"),
            *(f"--python-version={program.name.removeprefix('python')}", f"--target={site}"),
            "ai-edge-litert==1.4.0",  # 2.3.0 ends with a segmentation fault under qemu 7.2
        ),
        check=True,
    )
    target = load_target("rpi4")

    class Userland(Emulated):
        python = ("env", f"PYTHONPATH={site}", *target.qemu, "-L", str(root), str(program))

    with Userland(target, tmp_path / "home") as board:
        plan = RunPlan(rounds=2, warmup=0)
        found = run_tflite(board, model, plan=plan, install=False, timeout=120, watcher=Watcher())
    assert found.runtime == "LiteRT 1.4.0" and len(found.total_ns) == 2
