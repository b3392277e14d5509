"""Exported C that is given its image row by row: bit-equal to whole images, in the RAM that was said."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from bare_metal import run_network
from firmware_nets import HOST, bundle_of, digits_bundle, random_bundle, run_on_host, write_files
from nets import random_image
from numpy.typing import NDArray
from row_nets import camera_graph, row_graph
from spanbit.bundle import Bundle, write_bundle
from spanbit.cli.main import main
from spanbit.errors import ExitCode, SpanbitError
from spanbit.export import Input, Tables, c_network, plan_firmware
from spanbit.export.figures import firmware_figures
from spanbit.graph import MaxPool
from spanbit.runtime import Model
from spanbit.targets import load_target
from test_export import SANITIZED

_MACHINE = {"cortex-m0plus": "mps2-an385"}  # the micro:bit has 16 KiB of RAM
_KINDS = 6  # of `_kind`: bits or reals, without a pool, with maxima, with minima too


def _bundle(seed: int) -> Bundle | None:
    """Of a random stem and pool, if the seed gives a network."""
    try:
        graph = row_graph(seed)
        return bundle_of(graph, random_image(graph, seed)[None])
    except SpanbitError:
        return None


def _kind(bundle: Bundle) -> str:
    stem, second = bundle.compiled.layers[:2]
    pool = second.op if isinstance(second.op, MaxPool) else None
    least = pool is not None and pool.take_min is not None and bool(pool.take_min.any())
    return f"{stem.kind.name}, {'alone' if pool is None else 'minima' if least else 'maxima'}"


@pytest.fixture(scope="module")
def digits() -> Bundle:
    images = np.random.default_rng(3).integers(0, 256, (2, 8, 8, 1), np.uint8)
    return digits_bundle(images, floats=True)


def test_golden_outputs_of_all_kinds_under_sanitizers(tmp_path: Path) -> None:
    chosen: dict[str, Bundle] = {}
    for seed in range(200):
        bundle = _bundle(seed)
        if bundle is not None:
            chosen.setdefault(_kind(bundle), bundle)
        if len(chosen) == _KINDS:
            break
    assert len(chosen) == _KINDS, sorted(chosen)
    nets = [
        c_network(bundle, bundle.graph.name, Tables.FLASH, given=Input.ROWS) for bundle in chosen.values()
    ]
    layers = [net.plan.rows.layers for net in nets if net.plan.rows is not None]
    assert sorted(layers) == [1] * 2 + [2] * 4
    assert run_on_host(nets, tmp_path, *SANITIZED) == 0


@pytest.mark.parametrize("tables", Tables)
def test_golden_outputs_of_whole_networks(tables: Tables, tmp_path: Path) -> None:
    first = {Tables.FLASH: 70, Tables.EXPANDED: 72, Tables.ENCODED: 74}[tables]
    nets = [
        c_network(random_bundle(seed), f"net_{seed}", tables, given=Input.ROWS)
        for seed in range(first, first + 2)
    ]
    assert run_on_host(nets, tmp_path, "-O0") == 0


_USE = """#include <stdlib.h>
#include <string.h>

#include "digits.h"

static DIGITS_ALIGNED unsigned char arena[DIGITS_ARENA_BYTES + 1];
static digits_output whole[DIGITS_OUTPUTS], rows[DIGITS_OUTPUTS];
static uint8_t image[DIGITS_HEIGHT][DIGITS_WIDTH * DIGITS_CHANNELS];

/* `count` rows from memory that holds no more than them. */
static int push(uint32_t first, uint32_t count) {
    uint8_t *own = malloc(count * sizeof image[0]);
    memcpy(own, image[first], count * sizeof image[0]);
    int status = digits_push(arena, own, count);
    memset(own, 0xAA, count * sizeof image[0]);
    free(own);
    return status;
}

#define CHECK(condition) \\
    if (!(condition)) \\
    return __LINE__

int main(void) {
    for (uint32_t y = 0; y < DIGITS_HEIGHT; y++)
        for (uint32_t x = 0; x < sizeof image[0]; x++)
            image[y][x] = (uint8_t)(31 * y + 77 * x);
    CHECK(digits_init(arena) == DIGITS_OK);
    CHECK(digits_run(arena, image[0], whole) == DIGITS_OK);
    /* One after another, several at a time, none; the other layers have used the arena in between. */
    for (uint32_t at_once = 1; at_once <= DIGITS_HEIGHT; at_once++) {
        CHECK(digits_begin(arena) == DIGITS_OK);
        for (uint32_t y = 0; y < DIGITS_HEIGHT; y += at_once) {
            uint32_t left = DIGITS_HEIGHT - y;
            CHECK(push(y, 0) == DIGITS_OK);
            CHECK(push(y, left < at_once ? left : at_once) == DIGITS_OK);
        }
        memset(rows, 0, sizeof rows);
        CHECK(digits_end(arena, rows) == DIGITS_OK);
        CHECK(memcmp(rows, whole, sizeof rows) == 0);
    }
    /* Nothing has begun. */
    CHECK(push(0, 1) == DIGITS_ERROR_ROWS && digits_end(arena, rows) == DIGITS_ERROR_ROWS);
    CHECK(digits_init(arena) == DIGITS_OK);
    CHECK(push(0, 1) == DIGITS_ERROR_ROWS && digits_end(arena, rows) == DIGITS_ERROR_ROWS);
    /* Too early, too many, and then right. */
    CHECK(digits_begin(arena) == DIGITS_OK);
    CHECK(digits_end(arena, rows) == DIGITS_ERROR_ROWS);
    CHECK(push(0, 3) == DIGITS_OK);
    CHECK(digits_begin(arena) == DIGITS_OK); /* another image */
    CHECK(push(0, DIGITS_HEIGHT - 1) == DIGITS_OK);
    CHECK(digits_end(arena, rows) == DIGITS_ERROR_ROWS);
    CHECK(push(DIGITS_HEIGHT - 2, 2) == DIGITS_ERROR_ROWS);
    CHECK(digits_push(arena, image[0], UINT32_MAX) == DIGITS_ERROR_ROWS);
    CHECK(push(DIGITS_HEIGHT - 1, 1) == DIGITS_OK && push(0, 1) == DIGITS_ERROR_ROWS);
    memset(rows, 0, sizeof rows);
    CHECK(digits_end(arena, rows) == DIGITS_OK && memcmp(rows, whole, sizeof rows) == 0);
    /* Pointers. */
    CHECK(digits_begin(NULL) == DIGITS_ERROR_ARENA && digits_begin(arena + 1) == DIGITS_ERROR_ARENA);
    CHECK(digits_push(arena + 1, image[0], 1) == DIGITS_ERROR_ARENA);
    CHECK(digits_end(NULL, rows) == DIGITS_ERROR_ARENA && digits_end(arena, NULL) == DIGITS_ERROR_NULL);
    CHECK(digits_push(arena, NULL, 1) == DIGITS_ERROR_NULL);
    CHECK(digits_run(arena, NULL, rows) == DIGITS_ERROR_NULL);
    CHECK(digits_run(arena, image[0], NULL) == DIGITS_ERROR_NULL);
    CHECK(digits_run(NULL, image[0], rows) == DIGITS_ERROR_ARENA);
    return 0;
}
"""


@pytest.mark.parametrize("tables", [Tables.FLASH, Tables.ENCODED])
def test_rows_in_any_number_and_misuse(digits: Bundle, tables: Tables, tmp_path: Path) -> None:
    net = c_network(digits, "digits", tables, given=Input.ROWS)
    write_files(net.files, tmp_path)
    (tmp_path / "use.c").write_text(_USE)
    sources = [str(tmp_path / path) for path in ("use.c", *net.c_files)]
    program = str(tmp_path / "use")
    subprocess.run([*HOST, *SANITIZED, f"-I{tmp_path / 'include'}", *sources, "-o", program], check=True)
    line = subprocess.run([program], check=False, timeout=60).returncode
    assert line == 0, _USE.splitlines()[line - 1] if line > 0 else line


def test_whole_images_bring_none_of_it(digits: Bundle) -> None:
    whole = c_network(digits, "digits", Tables.FLASH)
    rows = c_network(digits, "digits", Tables.FLASH, given=Input.ROWS)
    assert set(rows.files) - set(whole.files) == {
        f"src/runtime/kernels/stem_rows.{kind}" for kind in ("c", "h")
    }
    for path in ("include/digits.h", "src/digits.c", "src/digits_layers.h", "src/digits_config.h"):
        assert whole.files[path] != rows.files[path]
        assert not [word for word in (b"push", b"spb_rows", b"ROW") if word in whole.files[path]], path


def test_the_header_is_for_c_and_cpp(digits: Bundle, tmp_path: Path) -> None:
    write_files(c_network(digits, "digits", Tables.FLASH, given=Input.ROWS).files, tmp_path)
    header = str(tmp_path / "include" / "digits.h")
    for compiler in (["g++", "-x", "c++", "-std=c++11"], ["gcc", "-x", "c", "-std=c99"]):
        subprocess.run(
            [*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", header], check=True
        )


@pytest.fixture(scope="module")
def camera() -> tuple[Bundle, NDArray[np.uint8]]:
    images = np.random.default_rng(5).integers(0, 256, (2, 40, 48, 3), np.uint8)
    return bundle_of(camera_graph(), images), images


@pytest.mark.parametrize(
    ("core", "compiler", "tables"),
    [
        ("cortex-m4", "gcc", Tables.FLASH),
        ("cortex-m0plus", "clang", Tables.ENCODED),
        ("riscv32", "clang", Tables.FLASH),
    ],
)
def test_bit_equal_on_an_emulated_core(
    core: str, compiler: str, tables: Tables, camera: tuple[Bundle, NDArray[np.uint8]], tmp_path: Path
) -> None:
    bundle, images = camera
    net = c_network(bundle, "camera", tables, given=Input.ROWS)
    assert net.plan.rows is not None and net.plan.rows.layers == 2
    run = run_network(
        net,
        load_target(core),
        images,
        tmp_path,
        toolchain=compiler,
        optimise="-O1",
        machine=_MACHINE.get(core, ""),
    )
    assert run.check == 0, f"layer {run.check - 1} differs"
    host = Model(write_bundle(bundle.compiled, images))
    expected = np.stack([host.run(image) for image in images]).astype("<i2").reshape(len(images), -1)
    assert np.array_equal(run.outputs, expected.view(np.uint8))
    assert len(np.unique(run.outputs, axis=0)) == len(images)


def test_ram_and_stack_are_what_the_figures_say(
    camera: tuple[Bundle, NDArray[np.uint8]], tmp_path: Path
) -> None:
    bundle, images = camera
    board = load_target("cortex-m4")
    whole, rows = (c_network(bundle, "camera", Tables.FLASH, given=given) for given in Input)
    assert (whole.plan.image_bytes, rows.plan.image_bytes) == (40 * 48 * 3, 48 * 3)
    stem = whole.plan.compiled.layers[0].result
    stem_bytes = 2 * stem.channels * stem.height * stem.width
    assert rows.arena_bytes < whole.arena_bytes - stem_bytes
    run = run_network(rows, board, images, tmp_path)
    said = firmware_figures(rows, board)
    assert said.stack_bytes is not None and 0.6 * run.stack_bytes < said.stack_bytes < 1.4 * run.stack_bytes
    assert (said.input, said.image_bytes, said.arena_bytes) == ("rows", 48 * 3, rows.arena_bytes)


def test_bands_are_as_high_as_cost_no_memory(digits: Bundle) -> None:
    for tables in Tables:
        plan, whole = plan_firmware(digits, tables, given=Input.ROWS), plan_firmware(digits, tables)
        assert plan.rows is not None and plan.rows.band_rows > 1
        assert plan.compiled.arena_bytes <= whole.compiled.arena_bytes + 16


def test_the_command_prints_both_ways_and_names_rows_where_they_fit(
    camera: tuple[Bundle, NDArray[np.uint8]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, images = camera
    spb, out = tmp_path / "camera.spb", tmp_path / "out"
    spb.write_bytes(write_bundle(bundle.compiled, images))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["export", str(spb), "-o", str(out), *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    code, said, _ = run("--input", "rows", "--json")
    found = json.loads(said)
    image, rows = found["inputs"]["image"], found["inputs"]["rows"]
    assert code == 0 and found["input"] == "rows" and "src/runtime/kernels/stem_rows.c" in found["files"]
    assert rows["image_bytes"] == 48 * 3 < image["image_bytes"] and rows["arena_bytes"] < image["arena_bytes"]
    small = tmp_path / "small.toml"
    small.write_text(f'extends = "cortex-m4"\nram_bytes = {image["arena_bytes"]}\n')
    code, said, err = run("--target", str(small))
    assert code == ExitCode.UNSUPPORTED_MODEL and "--input rows" in err.partition("fix:")[2]
    for way, ram in (("image *", image), ("rows", rows)):
        assert f"--input {way}: arena {ram['arena_bytes']:,}" in said and f"{ram['image_bytes']:,}" in said
    code, said, err = run("--target", str(small), "--input", "rows")
    assert code == 0, err
    assert "--input rows *: arena" in said
