"""docs/training.md shows what the training benchmarks wrote, and they ran all that they say."""

from __future__ import annotations

import training
import training_ablation
import training_cifar
import training_page
import training_refine
import training_table
from results import read_result, runs_of


def test_the_page_shows_the_committed_results() -> None:
    page = training_page.PAGE.read_text()
    assert training_page.with_tables(page) == page, "run python bench/training_page.py"


def test_the_digits_table_has_the_twin_and_only_planned_runs_that_kept_their_cost() -> None:
    ways = [(training.TWIN, None)] + [(way, cost) for way in training.WAYS for cost in training.COSTS]
    runs = read_result(training.NAME)["runs"]
    found = [(run["way"], run["cost"], run["seed"]) for run in runs]
    assert {(training.TWIN, None, seed) for seed in training.SEEDS} <= set(found)
    assert len(set(found)) == len(found)
    assert set(found) <= {(way, cost, seed) for seed in training.SEEDS for way, cost in ways}
    refined = read_result(training_refine.NAME)["runs"]
    for run in [*runs, *refined]:
        # A layer's budget is rounded to a tap; the smallest has 18,432.
        assert run["cost"] is None or run["tree_cost"] <= run["cost"] + 1 / 18432


def test_the_fashion_table_has_the_twin_and_only_planned_runs_that_kept_their_cost() -> None:
    runs = read_result(training_table.SMALL.name)["runs"]
    points = [training_table.Point(run["way"], run["cost"], run["seed"]) for run in runs]
    assert len(set(points)) == len(points) and set(points) <= set(training_table.plan(training_table.SMALL))
    assert {point.seed for point in points if point.way == training_table.TWIN} == set(training_table.SEEDS)
    for run in runs:
        if run["way"] in (training_table.TWIN, training_table.NARROW, training_table.NARROW_TREE):
            continue
        assert run["distance"] <= run["cost"] * run["bits"] + 3  # a budget is rounded to a tap a layer
        assert run["tree_bit_ops"] <= run["nonzero_bit_ops"]


def test_the_other_sizes_have_only_planned_runs_that_kept_their_cost() -> None:
    wide = training_table.WIDE
    planned = {
        wide.name: {(point.way, point.cost) for point in training_table.plan(wide)},
        **{
            training_cifar.name_of(epochs): set(training_cifar.PLAN.values())
            for epochs in training_cifar.LENGTHS
        },
    }
    for name, plan in planned.items():
        points = [(run["way"], run["cost"]) for run in runs_of(name)]
        assert len(set(points)) == len(points) and set(points) <= plan
        for run in runs_of(name):
            if run["way"] in ("prune", "tie"):
                # A budget is rounded to a tap a layer, of which there are five at most.
                assert run["distance"] <= run["cost"] * run["bits"] + 5


def test_the_ablation_has_known_variants() -> None:
    runs = read_result(training_ablation.NAME)["runs"]
    keys = [(run["variant"], run["seed"]) for run in runs]
    assert len(set(keys)) == len(keys)
    assert {variant for variant, _ in keys} <= {*training_ablation.VARIANTS, *training_ablation.REMOVED}
