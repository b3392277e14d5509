"""Pictures of a training: where things stand in them, and that the same figures give the same file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from spanbit.errors import SpanbitError
from spanbit.nn.log import EpochLine, open_log
from spanbit.report.pictures import (
    Band,
    Point,
    Series,
    TreePicture,
    draw_costs,
    draw_front,
    draw_trees,
    picture_bytes,
)
from spanbit.report.pictures.front import front
from spanbit.report.pictures.trees import layout
from spanbit.report.training_log import read_training_log
from spanbit.tree import build_tree


def test_a_layout_has_parents_above_the_middle_of_their_children() -> None:
    parent = [-1, 0, 0, 1, 1, -1]
    places = layout(parent)
    assert [y for _, y in places] == [-1, -2, -2, -3, -3, -1]
    assert places[1][0] == pytest.approx((places[3][0] + places[4][0]) / 2)
    assert places[0][0] == pytest.approx((places[1][0] + places[2][0]) / 2)
    leaves = [places[n][0] for n in (3, 4, 2, 5)]
    assert leaves == sorted(leaves) and leaves[0] == 0 and leaves[-1] == 1


def test_a_chain_of_any_length_has_a_layout() -> None:
    places = layout(range(-1, 4999))
    assert places[-1] == (0, -5000) and {x for x, _ in places} == {0}


def test_the_front_has_no_point_that_another_beats() -> None:
    points = [Point(0.1, 80), Point(0.2, 79), Point(0.05, 70), Point(0.1, 81), Point(0.3, 85), Point(0.4, 85)]
    assert front(points) == [Point(0.05, 70), Point(0.1, 81), Point(0.3, 85)]


def test_the_front_draws_what_it_is_given() -> None:
    series = [
        Series("prune", [Point(0.1, 80, 79, 82, "a"), Point(0.05, 70)]),
        Series("tie", [Point(0.2, 75)]),
    ]
    figure = draw_front(series, title="all", band=Band("twin", 84, 86))
    (axis,) = figure.axes
    lines = {line.get_label(): line for line in axis.get_lines()}
    drawn = [container.lines[0] for container in axis.containers]
    assert [line.get_xydata().tolist() for line in drawn] == [[[0.05, 70], [0.1, 80]], [[0.2, 75]]]
    bars = axis.containers[0].lines[2][0].get_segments()
    assert [bar[:, 1].tolist() for bar in bars] == [[70, 70], [79, 82]]
    assert [text.get_text() for text in axis.texts] == ["a"]
    low, high = axis.get_xlim()
    assert low < 0.05 and high > 0.2
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0.05", "0.1", "0.15", "0.2"]
    assert any(line.get_linestyle() == ":" for line in lines.values())
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert sorted(legend) == ["prune", "tie", "twin"]


def test_costs_are_drawn_by_epoch() -> None:
    figure = draw_costs(
        [("one", {"conv1": [0.4, 0.2]}), ("two", {"conv1": [0.5], "conv2": [0.6]})], asked=0.1
    )
    first, second = figure.axes
    assert first.get_lines()[0].get_xydata().tolist() == [[1, 0.4], [2, 0.2]]
    assert [line.get_ydata()[0] for line in second.get_lines()] == [0.5, 0.6, 0.1]
    assert [axis.get_title() for axis in figure.axes] == ["one", "two"]


def test_a_tree_has_a_line_for_each_channel_as_wide_as_its_distance() -> None:
    rows = np.ones((4, 12), np.int8)
    rows[1, :3], rows[2, :5], rows[3, 5:11] = -1, -1, -1
    tree = build_tree(rows)
    picture = TreePicture("conv", tree.parent.tolist(), tree.distance.tolist())
    (axis,) = draw_trees([picture]).axes
    edges = [line for line in axis.get_lines() if line.get_linestyle() == "-"]
    widths = [line.get_linewidth() for line in edges]
    assert len(edges) == 4
    assert np.argsort(widths, kind="stable").tolist() == np.argsort(tree.distance, kind="stable").tolist()
    assert axis.get_title() == f"conv: {tree.total_distance} taps differ, depth {tree.depth.max()}"


def test_a_tree_of_zeros_can_be_drawn() -> None:
    assert picture_bytes(draw_trees([TreePicture("empty", [-1, -1], [0, 0])]), "svg").startswith(b"<?xml")


@pytest.mark.parametrize(("ending", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_same_figures_give_the_same_file(ending: str, magic: bytes) -> None:
    def made() -> bytes:
        return picture_bytes(draw_costs([("one", {"conv1": [0.4, 0.2]})]), ending)

    assert made() == made() and made().startswith(magic)
    assert b"<dc:date>" not in made() and b"Software" not in made()


def test_without_matplotlib_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SpanbitError, match="needs matplotlib") as caught:
        draw_costs([("one", {"conv1": [0.4]})])
    assert caught.value.fix == "pip install 'spanbit[plots]'"


def test_a_log_that_training_writes_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    with open_log(path, ["conv1", "conv, 2"], done=0) as log:
        log(EpochLine(1, 2.0, None, 0.1, 3.0, 0.5, (0.25, 0.75)))
        log(EpochLine(2, 1.0, 0.875, 0.1, 3.0, 0.25, (0.125, 0.375)))
    read = read_training_log(path.read_bytes(), str(path))
    assert read.accuracy == (None, 0.875) and read.cost == (0.5, 0.25)
    assert read.layer_costs == {"conv1": (0.25, 0.125), "conv, 2": (0.75, 0.375)}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not enough values"),
        (b"epoch,loss\n1,2\n", "no column 'cost'"),
        (b"epoch,accuracy,cost,conv1\n", "no epoch has ended yet"),
        (b"epoch,accuracy,cost,conv1\n1,,0.5\n", "out of range"),
        (b"epoch,accuracy,cost,conv1\n1,,half,0.5\n", "half"),
        (b"\x80\xff", "utf-8"),
    ],
)
def test_what_is_no_log_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(SpanbitError, match="not the log of a training") as caught:
        read_training_log(content, "run.csv")
    assert why in caught.value.why and caught.value.where == "run.csv"
