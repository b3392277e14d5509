"""The comparison in docs/firmware.md is the committed one, and what is written around it holds."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

from spanbit.targets import list_targets, load_target

ROOT = Path(__file__).resolve().parent.parent
RESULT, ROWS = (
    json.loads((ROOT / "bench" / "results" / f"{name}.json").read_text())
    for name in ("firmware", "firmware-rows")
)


def test_the_page_shows_the_committed_figures() -> None:
    spec = importlib.util.spec_from_file_location("firmware_page", ROOT / "tools" / "firmware_page.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs" / "firmware.md").read_text()
    assert tool.filled(page, RESULT, ROWS) == page, "run tools/firmware_page.py"


def test_a_tree_takes_least_of_everything() -> None:
    for target in ("cortex-m4", "cortex-m0plus"):
        tree, encoded, dense, int8 = (form for form in RESULT["forms"] if form["target"] == target)
        for key in ("flash_bytes", "ram_bytes", "instructions"):
            assert max(tree[key], encoded[key]) < dense[key] < int8[key], (target, key)
        assert encoded["flash_bytes"] < tree["flash_bytes"]


def test_the_aims_on_a_cortex_m4() -> None:
    tree, encoded, dense, int8 = (form for form in RESULT["forms"] if form["target"] == "cortex-m4")
    assert dense["instructions"] >= 10 * tree["instructions"]
    assert int8["instructions"] >= 20 * tree["instructions"]
    assert encoded["bits_a_weight"] < 0.6


def test_rows_save_ram_and_cost_little() -> None:
    planned = {(row["network"], row["tables"], row["input"]): row for row in ROWS["planned"]}
    for (network, tables, way), row in planned.items():
        if way == "image":
            rows = planned[network, tables, "rows"]
            assert rows["first_bytes"] < row["first_bytes"]
            assert rows["arena_bytes"] <= row["arena_bytes"] + 16
            assert rows["arena_bytes"] + rows["image_bytes"] < row["arena_bytes"] + row["image_bytes"]
    assert planned["resnet18", "flash", "rows"]["arena_bytes"] < 1 << 20
    whole, rows = ([run for run in ROWS["measured"] if run["input"] == way] for way in ("image", "rows"))
    for before, after in zip(whole, rows, strict=True):
        most = 1.05 if before["network"] == "small" else 1.07  # a band a row
        assert after["instructions"] < most * before["instructions"]


def test_a_residual_network_for_large_images_was_run_by_rows() -> None:
    runs = {
        run["tables"]: run
        for run in ROWS["measured"]
        if (run["network"], run["input"]) == ("resnet18", "rows")
    }
    planned = {row["tables"]: row for row in ROWS["planned"] if row["network"] == "resnet18"}
    assert runs.keys() == {"flash", "encoded"}
    assert runs["encoded"]["const_bytes"] < 0.6 * runs["flash"]["const_bytes"]
    boards = [board for name in list_targets() if (board := load_target(name)).is_firmware]
    for tables, run in runs.items():
        flash = run["const_bytes"] + run["code_bytes"]
        ram = planned[tables]["arena_bytes"] + run["stack_bytes"]
        assert run["stack_bytes"] < 1 << 14
        assert not [board.name for board in boards if board.flash_bytes >= flash and board.ram_bytes >= ram]


def test_mve_takes_fewer_instructions_and_model_cycles_than_plain_c() -> None:
    forms = {form["form"]: form for form in RESULT["forms"] if form["target"] == "cortex-m55"}
    for form, fewer, times in (("tree, tables in flash", 1.8, 1.5), ("dense popcount", 1.5, 1.1)):
        vectors, plain = forms[f"{form}, MVE"], forms[f"{form}, plain C"]
        assert vectors["instructions"] < vectors["cycles"] < plain["cycles"] / times
        assert vectors["instructions"] < plain["instructions"] / fewer
