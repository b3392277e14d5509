"""`spanbit train`: what it writes is what the next commands take, and a failure leaves nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from spanbit.cli.main import main
from spanbit.errors import ExitCode
from spanbit.importers import from_checkpoint
from spanbit.nn.checkpoint import load_checkpoint

SMALL = ("--width", "4", "--epochs", "1")


def _exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(("train", *arguments))
    return int(stop.value.code or 0)


def _fashion(folder: Path, count: int) -> None:
    """Fashion-MNIST's four files, with noise in them."""
    random = np.random.default_rng(0)
    for part in ("train", "t10k"):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = random.integers(0, 10, count, np.uint8)
        for stem, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            header = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes()
            (folder / f"{stem}.gz").write_bytes(gzip.compress(header + values.tobytes(), 1))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("train") / "small.pt"
    assert _exit_code("--data", "digits", "--out", str(path), *SMALL) == 0
    return path


def test_the_archive_holds_what_pytorch_says(trained: Path) -> None:
    net, meta = load_checkpoint(trained)
    with np.load(trained.with_suffix(".test.npz")) as archive:
        images, labels, predictions = archive["images"], archive["labels"], archive["predictions"]
    assert images.shape == (360, 8, 8, 1)
    assert images.dtype == labels.dtype == predictions.dtype == np.uint8
    with torch.no_grad():
        again = net(torch.from_numpy(images).permute(0, 3, 1, 2)).argmax(1)
    assert np.array_equal(again.numpy(), predictions)
    assert (predictions == labels).mean() == meta["accuracy"]


def test_the_checkpoint_becomes_a_graph(trained: Path) -> None:
    graph = from_checkpoint(trained.read_bytes(), where=str(trained))
    assert (graph.name, graph.input.channels, graph.input.height) == ("small", 1, 8)
    assert graph.class_names == tuple("0123456789")
    long = from_checkpoint(trained.read_bytes(), where="/x/" + "ü" * 40 + ".pt")
    assert long.name == "ü" * 16  # the bundle holds 32 bytes


def test_json_says_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.pt"
    assert _exit_code("--data", "digits", "--out", str(out), "--seed", "7", "--json", *SMALL) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["data"] == "digits" and said["test_images"] == 360 and said["seed"] == 7
    assert said["accuracy"] == load_checkpoint(out)[1]["accuracy"]
    assert abs(said["cost"] - 0.10) < 0.001 and said["tree_cost"] <= said["cost"]


def test_a_method_can_be_chosen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("--data", "digits", "--out", str(tmp_path / "a.pt"), "--json", *SMALL)
    for options, weights in ((("tie",), "binary"), (("tie", "--mixed"), "ternary"), (("none",), "binary")):
        assert _exit_code("--cost", "0.3", "--method", *options, *out) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["method"], said["weights"]) == (options[0], weights)
        assert (said["tree_cost"] <= 0.301) == (options[0] != "none")


def test_a_cost_that_a_binary_tree_cannot_have_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--data", "digits", "--out", str(tmp_path / "a.pt"), *SMALL)
    assert _exit_code("--method", "tie", "--cost", "0.05", *out) == ExitCode.USAGE
    assert "too low for binary weights" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_auto_takes_fashion_mnist_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fashion, none = tmp_path / "fashion", tmp_path / "none"
    fashion.mkdir()
    _fashion(fashion, 1100)
    out = ("--out", str(tmp_path / "a.pt"), "--json", *SMALL)
    for folder, expected, kept in ((fashion, "fashion-mnist", 1000), (none, "digits", 360)):
        monkeypatch.setattr("spanbit.nn.data.registry.DEBIAN_FOLDER", folder)
        assert _exit_code(*out) == 0
        assert json.loads(capsys.readouterr().out)["data"] == expected
        with np.load(tmp_path / "a.test.npz") as archive:
            assert len(archive["images"]) == kept
    assert _exit_code("--folder", str(fashion), *out) == 0
    assert json.loads(capsys.readouterr().out)["data"] == "fashion-mnist"


def test_ctrl_c_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pt").write_bytes(b"old")

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.optim.Adam.step", stop)
    assert _exit_code("--data", "digits", "--out", str(tmp_path / "a.pt"), *SMALL) == ExitCode.INTERRUPTED
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.pt", b"old")]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--data", "digits", "--folder", "."), ExitCode.USAGE),
        (("--data", "cifar"), ExitCode.USAGE),
        (("--cost", "0"), ExitCode.USAGE),
        (("--cost", "1.5"), ExitCode.USAGE),
        (("--epochs", "0"), ExitCode.USAGE),
        (("--method", "magic"), ExitCode.USAGE),
        (("--folder", "no-such-folder"), ExitCode.BAD_INPUT),
        (("--out", "no-such-folder/a.pt"), ExitCode.BAD_INPUT),
        (("--out", "."), ExitCode.BAD_INPUT),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    arguments: tuple[str, ...],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spanbit.nn.train.train", lambda *_, **__: pytest.fail("it trains"))
    assert _exit_code(*arguments) == code
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
