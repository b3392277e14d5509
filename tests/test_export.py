"""Exported C on this machine: golden integers, names of its own, nothing that must not be needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from firmware_nets import bundle_of, digits_bundle, exported, random_bundle, run_on_host, write_files
from spanbit.bundle import Bundle
from spanbit.cli.main import main
from spanbit.errors import ExitCode, SpanbitError
from spanbit.export import Tables, c_network
from spanbit.export.figures import check_fit, firmware_figures
from spanbit.graph import Graph, Head, MaxPool, Shape, StemConv, Threshold
from spanbit.targets import Target, load_target

SANITIZED = (
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-Wno-maybe-uninitialized",
)


@pytest.fixture(scope="module")
def digits() -> Bundle:
    rng = np.random.default_rng(3)
    return digits_bundle(rng.integers(0, 256, (2, 8, 8, 1), np.uint8), floats=True)


@pytest.mark.parametrize("tables", Tables)
def test_golden_outputs_of_random_networks(tables: Tables, tmp_path: Path) -> None:
    first = {Tables.FLASH: 40, Tables.EXPANDED: 44, Tables.ENCODED: 48}[tables]
    nets = [exported(seed, tables) for seed in range(first, first + 4)]
    assert run_on_host(nets, tmp_path, "-O0") == 0


def test_golden_outputs_under_sanitizers(tmp_path: Path, digits: Bundle) -> None:
    nets = [exported(seed, Tables.ENCODED) for seed in (60, 61)]
    assert run_on_host([*nets, c_network(digits, "digits", Tables.FLASH)], tmp_path, *SANITIZED) == 0


def test_windows_that_leave_the_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    image = rng.integers(0, 256, (1, 5, 7, 1), np.uint8)
    weight = rng.integers(-127, 128, (4, 1, 3, 3)).astype(np.int8)
    ops = (
        StemConv("stem", weight, 1, 1, np.zeros(1, np.uint8)),
        Threshold("bits", np.zeros(4, np.int32), np.zeros(4, np.uint8)),
        MaxPool("pool", np.array([False, True, False, True]), ceil=True),
        Head("head", np.ones((2, 4 * 3 * 4), np.int8), np.ones(2, np.float32), np.zeros(2, np.float32)),
    )
    net = c_network(bundle_of(Graph("ceil", Shape(1, 5, 7), ops), image), "ceil", Tables.FLASH)
    assert run_on_host([net], tmp_path, *SANITIZED) == 0


def test_words_of_mve_run_on_a_host_too(tmp_path: Path, digits: Bundle) -> None:
    nets = [c_network(random_bundle(seed), f"net_{seed}", Tables.FLASH, "mve") for seed in (40, 41)]
    nets.append(c_network(digits, "digits", Tables.ENCODED, "mve"))
    assert run_on_host(nets, tmp_path, *SANITIZED) == 0
    assert b"SPB_FORCE_SCALAR 128" in nets[0].files["src/net_40_config.h"]


C99 = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_the_files_are_c99_too(compiler: str, tmp_path: Path, digits: Bundle) -> None:
    nets = [c_network(digits, "digits", Tables.ENCODED), exported(43, Tables.FLASH)]
    assert run_on_host(nets, tmp_path, *C99, compiler=(compiler,)) == 0


def test_a_compiler_that_says_no_alignment_is_asked_for_it(tmp_path: Path, digits: Bundle) -> None:
    write_files(c_network(digits, "digits", Tables.ENCODED).files, tmp_path)
    words = ("gcc", *C99[:1], "-U__GNUC__", "-fsyntax-only", str(tmp_path / "src" / "digits.c"))
    unknown = subprocess.run(words, capture_output=True, text=True, check=False)
    assert unknown.returncode and "define SPB_ALIGNED(bytes)" in unknown.stderr
    told = (*words, "-DSPB_ALIGNED(bytes)=__attribute__((aligned(bytes)))")
    assert subprocess.run(told, capture_output=True, check=False).returncode == 0


def test_a_wrong_layer_is_named(tmp_path: Path, digits: Bundle) -> None:
    golden = digits.golden[0]
    crcs = (*golden.layer_crcs[:3], golden.layer_crcs[3] ^ 1, *golden.layer_crcs[4:])
    wrong = replace(digits, golden=(replace(golden, layer_crcs=crcs),))
    assert run_on_host([c_network(wrong, "digits", Tables.FLASH)], tmp_path, "-O0") == 4
    logits = golden.logits.copy()
    logits[-1] += 1e-3 * (1 + abs(logits[-1]))
    wrong = replace(digits, golden=(replace(golden, logits=logits),))
    assert run_on_host([c_network(wrong, "digits", Tables.FLASH)], tmp_path, "-O0") == len(crcs) + 1


def test_two_networks_link_together_and_every_name_is_a_networks_own(tmp_path: Path, digits: Bundle) -> None:
    nets = [c_network(digits, "left", Tables.FLASH), c_network(digits, "right", Tables.ENCODED)]
    assert run_on_host(nets, tmp_path, "-O0") == 0
    for net in nets:
        for path in net.c_files:
            out = tmp_path / "one.o"
            subprocess.run(
                ["gcc", "-std=c11", "-O0", "-c", str(tmp_path / net.name / path), "-o", str(out)], check=True
            )
            listed = subprocess.run(["nm", "-g", str(out)], capture_output=True, text=True, check=True).stdout
            names = [line.split()[-1] for line in listed.splitlines()]
            own = [name for name in names if name.startswith(f"{net.name}_")]
            assert set(names) - set(own) <= {
                "memcpy",
                "memset",
                "memcmp",
                "memchr",
                "_GLOBAL_OFFSET_TABLE_",
            }, path


def test_the_same_bundle_gives_the_same_bytes(digits: Bundle) -> None:
    first, again = (c_network(digits, "digits", Tables.ENCODED).files for _ in range(2))
    assert first == again and list(first) == list(again)
    text = b"".join(first.values()).decode()
    assert str(Path.home()) not in text and not re.search(r"\b20\d\d-\d\d-\d\d\b", text)


def test_only_the_kernels_that_are_needed(digits: Bundle) -> None:
    flash, encoded = (
        set(c_network(digits, "digits", tables).files) for tables in (Tables.FLASH, Tables.ENCODED)
    )
    decoder = {f"src/runtime/{name}.c" for name in ("tap_stream", "tap_table", "step_tail")}
    assert not decoder & flash and decoder <= encoded
    assert "src/runtime/kernels/max_pool.c" in flash
    for absent in ("any_pool", "prelu", "real_conv", "avg_pool", "tree_sums", "output_floats"):
        assert f"src/runtime/kernels/{absent}.c" not in flash
    for never in ("model.c", "bundle.c", "golden.c", "pool.c", "status.c"):
        assert f"src/runtime/{never}" not in encoded


def test_the_header_is_for_c_and_cpp(tmp_path: Path, digits: Bundle) -> None:
    write_files(c_network(digits, "digits", Tables.FLASH).files, tmp_path)
    header = tmp_path / "include" / "digits.h"
    for compiler in (
        ["g++", "-x", "c++", "-std=c++11"],
        ["gcc", "-x", "c", "-std=c99"],
        ["clang", "-x", "c", "-std=c11"],
    ):
        subprocess.run(
            [*compiler, "-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", str(header)], check=True
        )
    functions = re.findall(r"^int digits_(\w+)\(", header.read_text(), re.MULTILINE)
    assert functions == ["init", "run", "check"]
    text = header.read_text()
    for name, value in {"HEIGHT": 8, "WIDTH": 8, "CHANNELS": 1, "IMAGE_BYTES": 64, "OUTPUTS": 10}.items():
        assert f"#define DIGITS_{name} {value}\n" in text


@pytest.mark.parametrize("name", ["class", "42", "", "___", "spb_x"])
def test_names_that_are_none_in_c(name: str, digits: Bundle) -> None:
    if name == "42":
        assert c_network(digits, name, Tables.FLASH).name == "net_42"
        return
    with pytest.raises(SpanbitError, match="cannot begin names in C") as caught:
        c_network(digits, name, Tables.FLASH)
    assert caught.value.code == ExitCode.USAGE


def _board(flash_bytes: int, ram_bytes: int) -> Target:
    return replace(
        load_target("cortex-m4"), board="a small one", flash_bytes=flash_bytes, ram_bytes=ram_bytes
    )


def test_a_network_that_does_not_fit_is_refused_with_what_does(digits: Bundle) -> None:
    board = load_target("cortex-m4")
    choices = {tables: firmware_figures(c_network(digits, "digits", tables), board) for tables in Tables}
    flash, encoded = choices[Tables.FLASH], choices[Tables.ENCODED]
    assert flash.ram_bytes < choices[Tables.EXPANDED].ram_bytes
    check_fit(flash, choices, _board(flash.flash_bytes, flash.ram_bytes))
    with pytest.raises(SpanbitError, match="does not fit a small one") as caught:
        check_fit(encoded, choices, _board(flash.flash_bytes, flash.ram_bytes))
    assert f"{encoded.ram_bytes:,} of RAM" in caught.value.why
    assert caught.value.fix.startswith("--tables flash") and f"{flash.flash_bytes:,}" in caught.value.fix
    assert caught.value.code == ExitCode.UNSUPPORTED_MODEL
    with pytest.raises(SpanbitError) as caught:
        check_fit(flash, choices, _board(flash.flash_bytes - 1, 1))
    assert "a board like cortex-m0plus" in caught.value.fix


def test_figures_are_what_the_compiler_says(digits: Bundle, tmp_path: Path) -> None:
    net = c_network(digits, "digits", Tables.FLASH)
    figures = firmware_figures(net, load_target("cortex-m4"))
    assert figures.compiler == "gcc" and figures.instructions > 0 and not figures.instructions_without
    write_files(net.files, tmp_path)
    sizes, own = 0, []
    for index, path in enumerate(p for p in net.c_files if not p.endswith(("_check.c", "crc32.c"))):
        flags = [*load_target("cortex-m4").toolchains[0].flags, "-std=c11", "-idirafter"]
        libc = Path(__file__).resolve().parent.parent / "runtime_c" / "firmware" / "libc"
        out = tmp_path / f"{index}.o"
        subprocess.run(
            ["arm-none-eabi-gcc", *flags, str(libc), "-c", str(tmp_path / path), "-o", str(out)], check=True
        )
        listed = subprocess.run(
            ["arm-none-eabi-size", "-A", str(out)], capture_output=True, text=True, check=True
        )
        rows = [line.split() for line in listed.stdout.splitlines() if line.startswith(".")]
        sizes += sum(int(row[1]) for row in rows if row[0].startswith(".text"))
        if path == "src/digits.c":
            own = [int(row[1]) for row in rows if row[0].startswith(".rodata")]
    assert figures.code_bytes == sizes
    assert 0 <= figures.const_bytes - sum(own) <= 64 * len(net.layers)  # what the compiler shares or packs


def test_no_floating_point_and_no_long_division_where_nothing_asks_for_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    whole = digits_bundle(rng.integers(0, 256, (1, 8, 8, 1), np.uint8), floats=False)
    for net in (
        c_network(whole, "whole", Tables.ENCODED),
        c_network(random_bundle(44), "real", Tables.ENCODED),
    ):
        write_files(net.files, tmp_path / net.name)
        for path in net.c_files:
            out = tmp_path / "one.o"
            libc = Path(__file__).resolve().parent.parent / "runtime_c" / "firmware" / "libc"
            flags = ["-mcpu=cortex-m0plus", "-mthumb", "-Os", "-std=c11", "-idirafter", str(libc)]
            subprocess.run(
                ["arm-none-eabi-gcc", *flags, "-c", str(tmp_path / net.name / path), "-o", str(out)],
                check=True,
            )
            nm = ["arm-none-eabi-nm", "-u", str(out)]
            needed = subprocess.run(nm, capture_output=True, text=True, check=True).stdout.split()
            assert not [name for name in needed if re.search(r"ldivmod|div[dt]i|__udivmod", name)], path
            if net.name == "whole":
                assert not [
                    name for name in needed if re.match(r"__aeabi_f|__aeabi_[iu]i?2f|__\w+sf", name)
                ], path


def test_the_command_writes_prints_and_refuses(
    digits: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from spanbit.bundle import write_bundle

    images = np.stack([record.image for record in digits.golden])
    spb = tmp_path / "digits.spb"
    spb.write_bytes(write_bundle(digits.compiled, images))

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["export", str(spb), *words])
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    out = tmp_path / "out"
    code, said, _ = run("-o", str(out), "--json")
    found = json.loads(said)
    assert (
        code == 0
        and found["target"] == "cortex-m4"
        and set(found["choices"]) == {"flash", "expanded", "encoded"}
    )
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == found["files"]
    assert run("-o", str(out))[0] == 0  # once more into the same folder
    code, _, err = run("-o", str(tmp_path))
    assert code == ExitCode.USAGE and "holds other files" in err
    code, _, err = run("-o", str(out), "--target", "rpi4")
    assert code == ExitCode.USAGE and "has an operating system" in err
    small = tmp_path / "small.toml"
    small.write_text('extends = "cortex-m4"\nram_bytes = 100\n')
    shutil.rmtree(out)
    code, said, err = run("-o", str(out), "--target", str(small))
    assert code == ExitCode.UNSUPPORTED_MODEL and "does not fit" in err and "flash *" in said
    assert not out.exists()
