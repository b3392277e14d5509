"""`spanbit report`: pictures from files that the other commands wrote, and errors without a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from spanbit.cli.main import main
from spanbit.errors import ExitCode
from spanbit.importers import from_checkpoint
from spanbit.nn.checkpoint import ModelSpec, save_checkpoint
from spanbit.tree import build_tree


def exit_code(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(part) for part in arguments])
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twin and small: checkpoint, log, of small the bundle as well."""
    folder = tmp_path_factory.mktemp("report")
    usual = ("--data", "digits", "--width", "4", "--epochs", "2", "--held-back", "200")
    for name, method in (("twin", "none"), ("small", "prune")):
        files = ("--out", folder / f"{name}.pt", "--csv", folder / f"{name}.csv")
        assert exit_code("train", "--method", method, *usual, *files) == 0
    assert exit_code("compile", folder / "small.pt") == 0
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error without the line breaks."""
    text = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in text
    return text


def test_the_tree_of_a_checkpoint_and_of_its_bundle_is_the_same(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "tree.svg"
    drawn = []
    for name in ("twin.pt", "small.pt", "small.spb"):
        assert exit_code("report", "tree", trained / name, "--layer", "conv2", "--out", out) == 0
        drawn.append(out.read_bytes())
    assert drawn[0] != drawn[1] == drawn[2]
    both = ("report", "tree", trained / "twin.pt", trained / "small.spb", "--out", tmp_path / "both.png")
    assert exit_code(*both) == 0
    assert (tmp_path / "both.png").read_bytes().startswith(b"\x89PNG")


def test_the_tree_is_that_of_the_layer(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def draw(trees: object) -> None:
        seen.append(trees)
        raise KeyboardInterrupt

    monkeypatch.setattr("spanbit.report.pictures.draw_trees", draw)
    assert exit_code("report", "tree", trained / "small.pt", "--out", tmp_path / "a.svg") == 130
    graph = from_checkpoint((trained / "small.pt").read_bytes(), where="small.pt")
    conv = next(op for op in graph.ops if op.name == "conv1")
    tree = build_tree(conv.weight.reshape(len(conv.weight), -1))
    ((picture,),) = seen
    assert picture.title == "small, conv1"
    assert picture.parent == tree.parent.tolist() and picture.distance == tree.distance.tolist()


def test_costs_and_front_are_drawn_from_logs(trained: Path, tmp_path: Path) -> None:
    logs = (trained / "twin.csv", trained / "small.csv")
    for command in ("costs", "front"):
        out = tmp_path / f"{command}.svg"
        assert exit_code("report", command, *logs, "--out", out) == 0
        assert out.read_bytes().startswith(b"<?xml")


def test_a_front_of_checkpoints_has_a_series_for_each_method(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def draw(series: object, title: str) -> None:
        seen.append((series, title))
        raise KeyboardInterrupt

    monkeypatch.setattr("spanbit.report.pictures.draw_front", draw)
    files = (trained / "twin.pt", trained / "small.pt")
    assert exit_code("report", "front", *files, "--out", tmp_path / "a.svg") == 130
    ((series, title),) = seen
    assert [part.label for part in series] == ["none", "prune"] and "test images" in title
    (point,) = series[1].points
    assert 0.09 < point.cost <= 0.1005 and 0 < point.accuracy < 100 and point.name == "small"


def test_mistakes_are_told(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twin, log, bundle = trained / "twin.pt", trained / "twin.csv", trained / "small.spb"
    out = ("--out", tmp_path / "a.svg")
    bare = tmp_path / "bare.csv"
    bare.write_text("epoch,accuracy,cost,conv1\n1,,0.5,0.5\n")
    cases: list[tuple[tuple[str | Path, ...], ExitCode, str]] = [
        (("tree", twin, "--layer", "conv9", *out), ExitCode.BAD_INPUT, "it has conv1, conv2, conv3"),
        (("tree", log, *out), ExitCode.BAD_INPUT, "neither a checkpoint nor a bundle"),
        (("tree", tmp_path / "no.pt", *out), ExitCode.BAD_INPUT, "no.pt"),
        (("costs", twin, *out), ExitCode.BAD_INPUT, "not the log of a training"),
        (("front", twin, log, *out), ExitCode.USAGE, "checkpoints alone, or logs alone"),
        (("front", bundle, *out), ExitCode.USAGE, "a picture of bundle files"),
        (("front", bare, *out), ExitCode.BAD_INPUT, "--held-back"),
        (("costs", bare, "--out", tmp_path / "a.pdf"), ExitCode.USAGE, ".svg or .png"),
        (("costs", bare, "--out", tmp_path / "a"), ExitCode.USAGE, "its name has no ending"),
        (("costs", bare, "--out", tmp_path / "no" / "a.svg"), ExitCode.BAD_INPUT, "directory"),
        (("costs", *out), ExitCode.USAGE, "FILES"),
    ]
    for arguments, code, text in cases:
        assert exit_code("report", *arguments) == code, arguments
        assert text in said(capsys), arguments
    assert not (tmp_path / "a.svg").exists()
    damaged = tmp_path / "damaged.spb"
    damaged.write_bytes(bundle.read_bytes()[:-7])
    assert exit_code("report", "tree", damaged, *out) == ExitCode.BAD_BUNDLE
    damaged.write_bytes(b"PK" + twin.read_bytes()[2:-70])
    assert exit_code("report", "tree", damaged, *out) == ExitCode.BAD_INPUT
    said(capsys)


def test_a_checkpoint_without_figures_has_no_place_on_the_front(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = ModelSpec((1, 8, 8), 10, 4, (0.3,), (0.4,))
    save_checkpoint(tmp_path / "bare.pt", spec.build(), spec, {})
    assert exit_code("report", "front", tmp_path / "bare.pt", "--out", tmp_path / "a.svg") == 3
    assert "how accurate and how cheap" in said(capsys)
    assert exit_code("report", "tree", tmp_path / "bare.pt", "--out", tmp_path / "a.svg") == 0


def test_a_residual_network_has_trees_as_well(tmp_path: Path) -> None:
    spec = ModelSpec((3, 8, 8), 10, 4, (0.3,) * 3, (0.4,) * 3, network="resnet20")
    save_checkpoint(tmp_path / "a.pt", spec.build(), spec, {})
    layer = ("--layer", "stage1_1.conv")
    assert exit_code("report", "tree", tmp_path / "a.pt", *layer, "--out", tmp_path / "a.svg") == 0


def test_without_pytorch_the_fix_is_told(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "spanbit.nn.checkpoint", None)
    assert exit_code("report", "tree", trained / "twin.pt", "--out", tmp_path / "a.svg") == 3
    assert "pip install 'spanbit[train]'" in said(capsys)
