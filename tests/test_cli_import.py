"""`spanbit compile` of models that no spanbit wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from spanbit.cli.main import cli, main
from spanbit.errors import ExitCode

FOLDER = Path(__file__).resolve().parent / "data" / "keras"


def test_compile_takes_a_model_of_larq(tmp_path: Path) -> None:
    bundle = tmp_path / "vgg.spb"
    model, images = str(FOLDER / "vgg.h5"), str(FOLDER / "vgg.npz")
    given = ["--golden-images", images, "--mean", "0.5", "--std", "0.5,0.5,0.5"]
    done = CliRunner().invoke(
        cli, ["compile", model, "--target", "host", "--out", str(bundle), "--explain", *given]
    )
    assert done.exit_code == 0, done.output
    assert "quant_conv2d_1 (QuantConv2D): kept as BinaryConv" in done.output and bundle.stat().st_size > 0


def test_compile_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(
            ["compile", str(FOLDER / "vgg.h5"), "--golden-images", str(FOLDER / "vgg.npz"), "--mean", "half"]
        )
    assert stop.value.code == ExitCode.USAGE and "0.485,0.456,0.406" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["compile", str(FOLDER / "vgg.h5")])
    assert stop.value.code == ExitCode.BAD_INPUT and "vgg.test.npz" in capsys.readouterr().err
