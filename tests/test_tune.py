"""Tuning: the fit finds known figures, its file is a target, and a run that fails leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from deploy_helpers import running_sshd, spanbit, spanbit_command, wait_until
from spanbit.cbuild import cache_dir
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph import BinaryConv, KernelKind, Shape
from spanbit.passes import compile_graph
from spanbit.passes.cost_model import predict, tree_amounts
from spanbit.reference import run_graph
from spanbit.targets import Cost, load_target
from spanbit.tree import build_tree
from spanbit_deploy.tune.figures import tune_figures
from spanbit_deploy.tune.fit import fit, held_out
from spanbit_deploy.tune.measure import Timing, timings_of
from spanbit_deploy.tune.network import LAYERS, tuning_bundle, tuning_graph
from spanbit_deploy.tune.target_file import target_file

RPI4 = load_target("rpi4")
TRUE = Cost(tree=2.0, dense=1.5, node=4.0, prepare=3.0, gather=20.0, tile=50.0, pack=30.0, unit="ns")


def made_up(cost: Cost = TRUE, noise: float = 0.0) -> tuple[Timing, ...]:
    """Times as a board would have them that follows the model, but for some noise."""
    random = np.random.default_rng(0)
    bundle = tuning_bundle(RPI4, KernelKind.TREE, "t")
    names = [plan.op.name for plan in bundle.compiled.layers]
    blank = timings_of(RPI4, bundle, dict.fromkeys(names, 1), dict.fromkeys(names, 1))

    def disturbed(ns: float) -> int:
        return round(ns * (1 + noise * random.uniform(-1, 1)))

    return tuple(
        replace(
            timing,
            tree_ns=disturbed(predict(timing.tree, cost)),
            dense_ns=disturbed(predict(timing.dense, cost)),
        )
        for timing in blank
    )


def test_the_fit_finds_the_figures_that_made_the_times() -> None:
    found = fit(made_up())
    assert found.unit == "ns"
    for name, value in asdict(TRUE).items():
        if name != "unit":
            assert getattr(found, name) == pytest.approx(value, rel=0.01), name


def test_the_amounts_follow_the_kernels() -> None:
    by_shape = {timing.shape: timing for timing in made_up()}
    whole, strided = by_shape["128>128 3x3 @16"], by_shape["256>256 3x3/2 @8"]
    assert whole.tree["gather"] == 0 < whole.tree["prepare"]
    assert strided.tree["prepare"] == 0 < strided.tree["gather"]
    assert whole.dense["dense"] == 1.25 * 2 * 128 * 1152  # ternary, 256 pixels
    graph = tuning_graph()
    op = graph.ops[[op.name for op in graph.ops].index("conv9")]
    assert isinstance(op, BinaryConv)
    built = replace(op, tree=build_tree(op.weight.reshape(len(op.weight), -1)))
    side = Shape(256, 4, 4)
    narrow, wide = (tree_amounts(built, side, side, isa) for isa in ("scalar32", "neon32"))
    # 16 pixels are a word of 4 bytes, or one of four lanes; a tap costs less than a word, a node more.
    assert narrow["tree"] < wide["tree"] < 4 * narrow["tree"] and wide["node"] > 4 * narrow["node"]


def test_noise_and_a_layer_left_out_move_the_figures_little() -> None:
    noisy = made_up(noise=0.05)
    for found in (fit(noisy), *held_out(made_up())):
        assert found.tree == pytest.approx(TRUE.tree, rel=0.2)
        assert found.dense == pytest.approx(TRUE.dense, rel=0.2)
    figures = tune_figures(noisy, on="x", target=RPI4, emulated=False, rounds=1)
    assert figures.new.wrong == 0 and figures.new.time_lost == 0
    assert figures.new.worst_error is not None and figures.new.worst_error < 0.2


def test_wrong_choices_are_counted_and_weighed() -> None:
    timings = made_up(replace(TRUE, tree=1000.0))  # on this board a tree never pays
    figures = tune_figures(timings, on="x", target=RPI4, emulated=False, rounds=1)
    assert {layer.faster for layer in figures.layers} == {"dense"}
    assert (figures.new.wrong, figures.new.time_lost, figures.wrong_held_out) == (0, 0, 0)
    misled = [layer for layer in figures.layers if layer.old.choice == "tree"]
    assert figures.old.wrong == len(misled) > len(LAYERS) // 2
    lost = sum(layer.tree_ns - layer.dense_ns for layer in misled)
    assert figures.old.time_lost == pytest.approx(lost / sum(layer.dense_ns for layer in figures.layers))
    assert figures.old.worst_error is None  # cycles are no times


def test_times_that_say_nothing_are_refused() -> None:
    timings = made_up()
    with pytest.raises(SpanbitError, match="took no time") as caught:
        fit([*timings[:-1], replace(timings[-1], tree_ns=0)])
    assert caught.value.code == ExitCode.BOARD
    level = replace(TRUE, dense=0.0)  # a kernel whose taps take no time
    backwards = [replace(timing, dense_ns=round(predict(timing.dense, level))) for timing in timings]
    with pytest.raises(SpanbitError, match="does not grow with its taps"):
        fit(backwards)


def test_both_bundles_are_one_network() -> None:
    graph = tuning_graph()
    image = np.random.default_rng(3).integers(0, 256, (32, 32, 1)).astype(np.uint8)
    outputs = [
        run_graph(compile_graph(graph, RPI4, kernel).graph, image)[-1]
        for kernel in (KernelKind.TREE, KernelKind.DENSE)
    ]
    assert np.array_equal(*outputs)
    again = tuning_graph()
    for one, other in zip(graph.ops, again.ops, strict=True):
        if isinstance(one, BinaryConv):
            assert isinstance(other, BinaryConv) and np.array_equal(one.weight, other.weight)


def test_the_written_file_is_a_target(tmp_path: Path) -> None:
    figures = tune_figures(made_up(), on="ssh://pi@x\n[cost]", target=RPI4, emulated=True, rounds=7)
    path = tmp_path / "my-pi.toml"
    path.write_text(target_file(figures, "rpi4"))
    assert "EMULATED" in path.read_text()
    target = load_target(str(path))
    assert target.cost == figures.new.cost
    assert replace(target, name="rpi4", cost=RPI4.cost) == RPI4


def test_tune_on_the_host_and_compile_with_it(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    done = spanbit("tune", "--on", "host", "--rounds", "5", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["out"], said["extends"], said["target"], said["weights"]) == (
        str(out),
        "host",
        "host",
        "synthetic",
    )
    assert not said["emulated"] and said["note"] == ""
    assert len(said["layers"]) == len(LAYERS)
    assert all(layer["tree_ns"] > 0 and layer["dense_ns"] > 0 for layer in said["layers"])
    assert 0 <= said["new"]["wrong"] <= len(LAYERS) and said["new"]["cost"]["unit"] == "ns"
    target = load_target(str(out))
    assert asdict(target.cost) == said["new"]["cost"]
    compiled = compile_graph(tuning_graph(), target)
    chosen = [op for op in compiled.graph.ops if isinstance(op, BinaryConv)]
    assert [op.kernel.name.lower() for op in chosen] == [layer["new"]["choice"] for layer in said["layers"]]
    assert all(op.kernel_reason.startswith("model ns: tree ") for op in chosen)
    assert compiled.target_name == "mine"

    # A file of one's own is extended by the path from the new one to it.
    again = tmp_path / "more" / "again.toml"
    again.parent.mkdir()
    done = spanbit(
        "tune", "--on", "host", "--target", str(out), "--rounds", "2", "--out", str(again), COLUMNS="80"
    )
    assert done.returncode == 0, done.stderr
    assert 'extends = "../mine.toml"' in again.read_text()
    assert load_target(str(again)).toolchains == load_target("host").toolchains
    for part in ("synthetic weights", "old figures: the slower kernel for", "new figures:", "written: "):
        assert part in done.stdout
    before = again.read_text()
    done = spanbit("tune", "--on", "host", "--target", str(out), "--out", str(again))
    assert done.returncode == ExitCode.USAGE and "there already" in done.stderr
    assert again.read_text() == before


def test_an_emulator_is_refused_unless_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    done = spanbit("tune", "--on", "emulated:rpi3", "--out", str(out))
    assert done.returncode == ExitCode.USAGE and not out.exists()
    assert "an emulator's time is not a board's" in done.stderr and "--emulated-ok" in done.stderr
    done = spanbit(
        *("tune", "--on", "emulated:rpi3", "--emulated-ok", "--rounds", "1", "--out", str(out)), COLUMNS="80"
    )
    assert done.returncode == 0, done.stderr
    assert "emulated, not a board's time" in done.stdout and "EMULATED" in out.read_text()
    assert load_target(str(out)).arch == "aarch64"


def test_tune_over_ssh_leaves_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, board = tmp_path / "mine.toml", tmp_path / "board"
    with running_sshd(tmp_path / "sshd") as server:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "config").write_text(f"Host *\n  IdentityFile {server.key}\n")
        (tmp_path / ".ssh" / "known_hosts").write_text(server.known_hosts_line())
        monkeypatch.setenv("SPANBIT_CACHE", str(cache_dir()))  # HOME moves, the built runner stays
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SPANBIT_BOARD_DIR", str(board))
        place = f"ssh://127.0.0.1:{server.port}"
        done = spanbit("tune", "--on", place, "--rounds", "3", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["on"], said["extends"], said["emulated"]) == (place, "host", False)
    assert load_target(str(out)).cost.unit == "ns"
    assert board.is_dir() and not list(board.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--on", "moon"), ExitCode.USAGE, "ssh://USER@HOST"),
        (("--on", "host", "--target", "rpi9"), ExitCode.USAGE, "no target 'rpi9'"),
        (("--on", "host", "--target", "rpi4"), ExitCode.BOARD, "rpi4 is aarch64"),
        (("--on", "host", "--target", "wrong.toml"), ExitCode.BAD_INPUT, "unknown key cost.three"),
        (("--on", "host", "--target", "lost.toml"), ExitCode.BAD_INPUT, "'rpi_4', which is no target"),
        (("--on", "host", "--out", "no/where.toml"), ExitCode.BAD_INPUT, "directory exists"),
        (("--on", "host", "--out", "mine.tml"), ExitCode.BAD_INPUT, "ends in .toml"),
        (("--on", "host", "--out", "a-name-far-too-long.toml"), ExitCode.BAD_INPUT, "16 bytes"),
        (("--on", "ssh://x@127.0.0.1:1"), ExitCode.BOARD, "cannot connect"),
        (("--on", "host", "--rounds", "10000", "--timeout", "0.01"), ExitCode.TIMEOUT, "--timeout"),
        ((), ExitCode.USAGE, "--on"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_leaves_no_file(
    arguments: tuple[str, ...], code: ExitCode, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wrong.toml").write_text('extends = "rpi4"\n[cost]\ntree = 1\ndense = 1\nthree = 3\n')
    Path("lost.toml").write_text('extends = "rpi_4"\n')
    before = sorted(tmp_path.iterdir())
    done = spanbit("tune", *arguments)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (code, True, False), (
        done.stderr
    )
    assert sorted(tmp_path.iterdir()) == before


def test_ctrl_c_leaves_no_file_here_and_nothing_on_the_board(tmp_path: Path) -> None:
    out, board, log = tmp_path / "mine.toml", tmp_path / "board", tmp_path / "log"
    command = spanbit_command("tune", "--on", "host", "--rounds", "10000", "--out", str(out))
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, stderr=stderr, env={**os.environ, "SPANBIT_BOARD_DIR": str(board)}
        )
    try:
        wait_until(lambda: "running on host" in log.read_text() or process.poll() is not None, 120)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == ExitCode.INTERRUPTED, log.read_text()
    finally:
        process.kill()
    assert "interrupted" in log.read_text()
    assert not list(tmp_path.glob("*mine*"))
    assert board.is_dir() and not list(board.iterdir())
