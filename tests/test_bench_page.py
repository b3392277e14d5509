"""docs/benchmarks.md shows the committed results, all of them, and says where an aim is missed."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from spanbit.nn.zoo import NETWORKS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page", ROOT / "tools" / "benchmarks_page.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_committed_results(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert tool.with_results(page) == page, "run python tools/benchmarks_page.py"
    assert "synthetic" in page


def test_the_kernels_page_shows_the_committed_budgets(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "kernels.md").read_text()
    assert "| conv 56 |" in page
    assert tool.with_budgets(page) == page, "run python tools/benchmarks_page.py"


def test_the_zoos_page_shows_the_committed_networks(tool: ModuleType) -> None:
    page = (ROOT / "docs" / "zoo.md").read_text()
    assert tool.with_zoo(page) == page, "run python tools/benchmarks_page.py"


def test_every_network_of_the_zoo_was_compiled_and_is_equal_everywhere(tool: ModuleType) -> None:
    """The aims of the networks' issue: in 20 s and 2 GiB, the arena within 5 % of the least."""
    zoo = tool._read("zoo")
    made = {(row["network"], row["weights"]) for row in zoo["rows"]}
    names = set(NETWORKS) - {"vgg_tiny", "bireal18"}
    assert NETWORKS["bireal18"] == NETWORKS["resnet18"]
    assert made == {(name, weights) for name in names for weights in ("binary", "ternary", "trained")}
    boards = {"neon64 (emulated rpi4)", "neon32 (emulated rpi2)", "scalar32 (emulated rpi-zero)"}
    for row in zoo["rows"]:
        assert boards < set(row["equal_on"]) and len(row["equal_on"]) > len(boards)
        assert row["above_least"] <= 0.05
        if row["weights"] == "trained":
            assert row["bundle_accuracy"] >= row["accuracy"] - 0.02 > 0.85, row["network"]
        else:
            assert row["import_s"] + row["compile_s"] + row["write_s"] < 20 and row["peak_mib"] < 2048


def test_every_network_has_its_part(tool: ModuleType) -> None:
    assert sorted(tool.NETWORKS) == sorted(path.stem for path in (ROOT / "bench" / "shapes").glob("*.toml"))
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    for name in tool.NETWORKS:
        assert f"bench/instructions.py {name}" in page


def _on_two_threads(**changed: Any) -> dict[str, Any]:
    """Committed results of a host, where two threads take two thirds of the time that one does."""
    host: dict[str, Any] = json.loads((ROOT / "bench" / "results" / "host.json").read_text())
    two = copy.deepcopy(host["whole"][0])
    two.update(threads=2, cores=[0, 1])
    for times in two["times"].values():
        times.update({figure: ms / 1.5 for figure, ms in times.items()})
    return {**host, "whole": [host["whole"][0], two], **changed}


def test_the_host_table_has_both_numbers_of_threads_and_the_gain(tool: ModuleType) -> None:
    host = _on_two_threads(disturbed=False)
    lines = tool._host(host).splitlines()
    assert "ms, 1 thread, minimum | median | ms, 2 threads, minimum | median | gain of 2 threads" in lines[0]
    for name, times in host["whole"][0]["times"].items():
        (line,) = (line for line in lines if line.startswith(f"| {name} |"))
        assert line.startswith(f"| {name} | {times['min_ms']:.3f} | {times['median_ms']:.3f} | ")
        assert f" | {times['min_ms'] / 1.5:.3f} | {times['median_ms'] / 1.5:.3f} | 1.50 | " in line
    assert "PROVISIONAL" not in lines[-1]


def test_the_aims_are_those_of_one_thread(tool: ModuleType) -> None:
    vgg, scaling = tool._read("instructions-vgg-small"), tool._read("scaling")
    host = _on_two_threads(disturbed=False)
    alone = {**host, "whole": host["whole"][:1]}
    assert tool._aims(vgg, [host], scaling) == tool._aims(vgg, [alone], scaling)


def test_a_disturbed_run_meets_no_aim(tool: ModuleType) -> None:
    host = _on_two_threads(disturbed=True)
    host["whole"][1]["others_share"] = 0.25
    assert "took up to 25 % of the cores" in tool._host(host)
    aims = tool._aims(tool._read("instructions-vgg-small"), [host], tool._read("scaling"))
    assert aims.count("not known: a disturbed run") == 2
