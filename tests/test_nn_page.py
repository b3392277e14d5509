"""docs/training.md shows what the training benchmarks wrote, and they ran all that they say."""

from __future__ import annotations

import training
import training_page
import training_refine
from results import read_result


def test_the_page_shows_the_committed_results() -> None:
    page = training_page.PAGE.read_text()
    assert training_page.with_tables(page) == page, "run python bench/training_page.py"


def test_every_way_was_trained_with_every_seed_and_kept_its_cost() -> None:
    ways = [(training.TWIN, None)] + [(way, cost) for way in training.WAYS for cost in training.COSTS]
    runs = read_result(training.NAME)["runs"]
    wanted = {(way, cost, seed) for seed in training.SEEDS for way, cost in ways}
    assert {(run["way"], run["cost"], run["seed"]) for run in runs} == wanted
    refined = read_result(training_refine.NAME)["runs"]
    for run in [*runs, *refined]:
        # A layer's budget is rounded to a tap; the smallest has 18,432.
        assert run["cost"] is None or run["tree_cost"] <= run["cost"] + 1 / 18432
