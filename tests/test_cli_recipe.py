"""Recipes: a file's values are the command's defaults, checked as options are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from spanbit.cli.main import main
from spanbit.errors import ExitCode
from spanbit.nn.config import TrainConfig

RECIPES = sorted((Path(__file__).resolve().parent.parent / "recipes").glob("*.toml"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[TrainConfig, Any]]:
    """What `train` was called with; it raises, so nothing is written."""
    calls: list[tuple[TrainConfig, Any]] = []

    def train(config: TrainConfig, **others: Any) -> None:
        calls.append((config, others["files"]))
        raise KeyboardInterrupt

    monkeypatch.setattr("spanbit.nn.train.train", train)
    monkeypatch.chdir(tmp_path)
    return calls


def _exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(("train", *arguments))
    return int(stop.value.code or 0)


def test_a_recipe_gives_the_options_and_the_command_line_goes_first(asked: list[Any], tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'data = "digits"\nmethod = "tie"\nmixed = true\ncost = 0.25\nbit-ops = 5000\nheld_back = 10\n'
        'mirror = false\ncsv = "a.csv"\nrate = 1e-3\n'
    )
    assert _exit_code("a.toml", "--cost", "0.5", "--seed", "3") == ExitCode.INTERRUPTED
    config, files = asked[0]
    assert (config.dataset, config.method, config.mixed) == ("digits", "tie", True)
    assert (config.cost, config.bit_ops, config.held_back, config.seed) == (0.5, 5000, 10, 3)
    assert config.mirror is False and config.rate == 1e-3
    assert files.log == Path("a.csv") and not files.resume


def test_without_a_recipe_nothing_changes(asked: list[Any]) -> None:
    assert _exit_code("--data", "digits") == ExitCode.INTERRUPTED
    assert asked[0][0] == TrainConfig("digits", threads=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('cots = 0.1\ndata = "digits"', "no option cots"),
        ('cost = "cheap"', "cheap"),
        ("cost = 0", "cost"),
        ('method = "magic"', "magic"),
        ("cost = [0.1, 0.2]", "list or a table"),
        ("[training]\ncost = 0.1", "no option training"),
        ("resume = true", "no option resume"),
        ("cost = ", "not a recipe"),
        ("cost = 0.1\ncost = 0.2", "not a recipe"),
    ],
)
def test_mistakes_in_a_recipe_are_usage_errors(
    text: str, words: str, asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.toml").write_text(text)
    assert _exit_code("a.toml") == ExitCode.USAGE
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert not asked


def test_a_missing_recipe_is_bad_input(asked: list[Any]) -> None:
    assert _exit_code("none.toml") == ExitCode.BAD_INPUT
    assert not asked


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.name))
def test_the_projects_recipes_are_accepted(recipe: Path, asked: list[Any], monkeypatch: Any) -> None:
    # The data set need not be here.
    monkeypatch.setattr("spanbit.cli.train._load", lambda *_: type("Data", (), {"name": "digits"}))
    assert _exit_code(str(recipe)) == ExitCode.INTERRUPTED
    assert asked
    assert recipe.read_text().startswith("# ")


def test_there_are_recipes() -> None:
    assert len(RECIPES) >= 3
