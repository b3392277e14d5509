"""Figures against hand-counted values of a two-channel network."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
from rich.console import Console
from spanbit.graph.ops import BinaryConv, Graph, Head, KernelKind, Padding, Shape, StemConv, Threshold
from spanbit.report import figures_table, network_figures
from spanbit.report.table import short
from spanbit.tree import ChannelTree


def _threshold(name: str) -> Threshold:
    return Threshold(name, np.zeros(2, np.int32), np.zeros(2, np.uint8))


def _graph() -> Graph:
    tree = ChannelTree(
        channel=np.array([0, 1], np.int32),
        parent=np.array([-1, 0], np.int32),
        sign=np.ones(2, np.int8),
        distance=np.array([2, 1], np.int32),
        depth=np.array([1, 2], np.int32),
        source_slot=np.array([-1, 0], np.int32),
        slot=np.zeros(2, np.int32),
        slot_count=1,
    )
    weight = np.array([[1, 1], [1, -1]], np.int8).reshape(2, 2, 1, 1)
    stem = StemConv("stem", np.ones((2, 1, 1, 1), np.int8), 1, 0, np.zeros(1, np.uint8))
    conv = BinaryConv("conv", weight, 1, 0, Padding.MINUS_ONE, tree, KernelKind.TREE, "cheapest by the model")
    head = Head("head", np.ones((2, 18), np.int8), np.ones(2, np.float32), np.zeros(2, np.float32))
    return Graph("tiny", Shape(1, 3, 3), (stem, _threshold("t1"), conv, _threshold("t2"), head))


def _bundle() -> bytes:
    data = bytearray(96 + 128 * 3)
    struct.pack_into("<I", data, 16, 640)
    struct.pack_into("<H", data, 30, 4)
    struct.pack_into("<I", data, 32, 96)
    data[80:84] = b"rpi4"
    for at, weight_bytes in enumerate((3, 5, 160)):
        struct.pack_into("<I", data, 96 + 128 * at + 40, weight_bytes)
    return bytes(data)


def test_figures_are_the_hand_counted_ones() -> None:
    figures = network_figures(_graph(), _bundle())
    assert [layer.name for layer in figures.layers] == ["stem", "conv", "head"]
    conv = figures.layers[1]
    assert (conv.taps, conv.distance, conv.cost, conv.depth) == (4, 3, 0.75, 2)
    assert (conv.bit_ops_before, conv.bit_ops_after) == (36, 27)
    assert (conv.bytes_before, conv.bytes_after) == (1, 5 + 2 * 16)
    assert (figures.arena_bytes, figures.golden_count, figures.target) == (640, 4, "rpi4")
    assert figures.bytes_after == 3 + 37 + 160


def test_json_twin_round_trips() -> None:
    figures = network_figures(_graph(), _bundle()).as_dict()
    assert json.loads(json.dumps(figures))["layers"][1]["kernel"] == "tree"


def test_table_shows_reason_and_never_a_speed_up() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(figures_table(network_figures(_graph(), _bundle())))
    text = console.export_text()
    assert "cheapest by the model" in text and "0.750" in text and "speed" not in text


def test_numbers_are_three_digits_and_a_unit() -> None:
    wanted = {0: "0", 999: "999", 1000: "1.00k", 9999: "10.0k", 18_432: "18.4k", 999_600: "1.00M"}
    assert {value: short(value) for value in wanted} == wanted
    assert short(603_979_776) == "604M" and short(3_525_967_872) == "3.53G"


def test_table_fits_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(figures_table(network_figures(_graph(), _bundle())))
    lines = console.export_text().splitlines()
    row = next(line for line in lines if line.startswith("conv "))
    assert row.split()[1:] == ["2x3x3", "tree", "4", "3", "0.750", "2", "36", ">", "27", "1", ">", "37"]
