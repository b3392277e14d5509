"""Target files: the shipped ones hold, a user's own is read, and what is wrong in one is named."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from spanbit.errors import ExitCode, SpanbitError
from spanbit.resources import data_dir
from spanbit.targets import ARCHES, ISAS, Cost, list_targets, load_target
from spanbit.targets.machine import arch_of, this_arch
from spanbit_deploy.toolchains import build_runner

RPI4 = (data_dir("targets") / "rpi4.toml").read_text()


def test_all_shipped_targets_load() -> None:
    names = list_targets()
    assert set(names) >= {"rpi-zero", "rpi2", "rpi3", "rpi4", "rpi5", "host", "generic-aarch64"}
    for name in names:
        target = load_target(name)
        assert target.name == name
        assert target.arch in ARCHES and target.isa in ISAS
        assert bool(target.qemu) == (name not in ("host", "esp32-s3"))  # qemu of Debian has no Xtensa LX7
        assert all("-O3" in toolchain.flags for toolchain in target.toolchains)
        assert target.cost.tree > 0 and target.cost.dense > 0


@pytest.mark.parametrize("name", ["rpi-zero", "rpi2", "rpi3", "rpi4", "rpi5", "generic-aarch64"])
def test_costs_of_boards_say_what_they_are_fitted_to(name: str) -> None:
    path = data_dir("targets") / f"{name}.toml"
    assert "bench/fit_costs.py" in path.read_text()
    cost = load_target(name).cost
    assert cost.unit == "cycles" and cost.node > cost.tree / 2 and cost.tile > 0


FIRMWARE = {
    *("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "cortex-m55", "riscv32"),
    *("rp2040", "rp2350", "stm32f4", "stm32f7", "stm32h7", "nrf52840", "esp32-s3", "esp32-c3"),
}


def test_targets_without_a_system() -> None:
    for name in list_targets():
        target = load_target(name)
        assert target.is_firmware == (name in FIRMWARE)
        assert (target.flash_bytes > 0) == target.is_firmware
        if target.is_firmware:
            assert target.isa == ("mve" if name == "cortex-m55" else "scalar32")
            assert target.ram_bytes < target.flash_bytes
            assert target.cycles is not None and target.cycles.source
            classes = target.cycles.classes
            assert 1 < target.cycles.per_instruction < max(classes.values())
            assert ("vector" in classes) == (target.isa == "mve")
            assert ("several" in classes) == target.arch.startswith("arm")
            with pytest.raises(SpanbitError, match="no operating system") as caught:
                build_runner(target)
            assert "spanbit export" in caught.value.fix and caught.value.code == ExitCode.USAGE


def test_a_board_without_a_system_says_its_flash(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(RPI4.replace("cores = 4", 'cores = 4\nos = "none"'))
    with pytest.raises(SpanbitError, match="flash_bytes is missing"):
        load_target(str(path))
    path.write_text(RPI4.replace("cores = 4", 'cores = 4\nos = "freertos"'))
    with pytest.raises(SpanbitError, match="os must be one of linux, none"):
        load_target(str(path))


def test_host_is_this_machine() -> None:
    assert load_target("host").arch == this_arch() == arch_of(platform.machine())
    assert [arch_of(name) for name in ("armv7l\n", "arm64", "armv6l", "riscv64")] == [
        "armv7",
        "aarch64",
        "armv6",
        "other",
    ]


def test_rpi_zero_never_takes_the_armv7_libc() -> None:
    assert all("gnueabihf-gcc" not in part for t in load_target("rpi-zero").toolchains for part in t.command)


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / "myboard.toml"
    path.write_text(RPI4.replace("cores = 4", "cores = 2"))
    target = load_target(str(path))
    assert (target.name, target.cores, target.qemu[0]) == ("myboard", 2, "qemu-aarch64")


MEASURED = """
[cost]
unit = "ns"
tree = 0.2
dense = 0.1
node = 0.4
prepare = 0
gather = 9.5
tile = 8
pack = 1e-3
"""


def test_a_file_may_extend_a_board(tmp_path: Path) -> None:
    path = tmp_path / "my-pi.toml"
    path.write_text('extends = "rpi4"\ncores = 2\n' + MEASURED)
    target, base = load_target(str(path)), load_target("rpi4")
    assert (target.name, target.cores, target.toolchains) == ("my-pi", 2, base.toolchains)
    assert target.cost == Cost(0.2, 0.1, node=0.4, prepare=0, gather=9.5, tile=8, pack=1e-3, unit="ns")
    assert base.cost.unit != target.cost.unit
    (tmp_path / "again.toml").write_text('extends = "my-pi.toml"\ncores = 1\n')
    again = load_target(str(tmp_path / "again.toml"))
    assert (again.cores, again.cost, again.board) == (1, target.cost, base.board)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "rpi_4"', ("extends 'rpi_4'", "did you mean rpi4?")),
        ('extends = "absent.toml"', ("cannot read", "which extends", "absent.toml")),
        ('extends = "mine.toml"', ("extends itself",)),
        ("extends = 4", ("extends must be text",)),
        ('extends = "rpi4"\ncors = 1', ("unknown key cors",)),
        ('extends = "rpi4"\n[cost]\ntree = 1', ("cost.dense is missing",)),
        ('extends = "rpi4"\n' + MEASURED.replace("tile", "tiles"), ("unknown key cost.tiles",)),
        ('extends = "rpi4"\n' + MEASURED.replace("tile = 8", ""), ("cost.tile is missing",)),
        ('extends = "rpi4"\n' + MEASURED.replace("tile = 8", "tile = -8"), ("cost.tile must be a number",)),
        ('extends = "rpi4"\n' + MEASURED.replace('"ns"', '"s"'), ("cost.unit must be one of cycles, ns",)),
    ],
)
def test_wrong_extensions_are_named(text: str, said: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(SpanbitError) as caught:
        load_target(str(path))
    assert caught.value.code == ExitCode.BAD_INPUT
    assert all(part in str(caught.value) for part in (str(path), *said)), str(caught.value)


TREE = next(line for line in RPI4.splitlines() if line.startswith("tree = "))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("cores = 4", "cors = 4", ("unknown key cors", "did you mean cores?")),
        ("cores = 4", "", ("key cores is missing", "add it")),
        ("cores = 4", "cores = 4\ncolor = 1", ("unknown key color", "did you mean cores?")),
        ("cores = 4", "cores = 4\nzzz = 1", ("unknown key zzz", "known: board, arch")),
        ("cores = 4", "cores = true", ("cores must be a whole number above 0", "True")),
        ("cores = 4", "cores = 0", ("cores must be",)),
        (TREE, "tree = -1", ("cost.tree must be a number above 0",)),
        (TREE, "tree = nan", ("cost.tree must be a number above 0",)),
        (TREE, "tree = 2.5\nthree = 3", ("unknown key cost.three", "cost.tree")),
        ('"aarch64"', '"aarch46"', ("arch must be one of aarch64, armv7",)),
        ('"neon64"', '"neon"', ("isa must be one of neon64",)),
        ('cpu = "cortex-a72"', "cpu = 72", ("cpu must be text", "72")),
        ('qemu = ["qemu-aarch64",', "qemu = [1,", ("qemu must be a list of texts",)),
        ('command = ["aarch64-linux-gnu-gcc"]', "command = []", ("command of toolchain 'gcc' is empty",)),
        ('name = "zig"', 'name = "zig"\nflag = []', ("unknown key toolchain[2].flag", "flags")),
        ("[cost]", "[[cost]]", ("cost must be a table",)),
        ("[cost]", "[cost", ("not TOML",)),
    ],
)
def test_wrong_files_are_named(old: str, new: str, said: tuple[str, ...], tmp_path: Path) -> None:
    assert old in RPI4
    path = tmp_path / "board.toml"
    path.write_text(RPI4.replace(old, new, 1))
    with pytest.raises(SpanbitError) as caught:
        load_target(str(path))
    assert str(path) in str(caught.value)
    assert all(part in str(caught.value) for part in said), str(caught.value)


def test_no_such_target(tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="did you mean rpi4") as caught:
        load_target("rpi_4")
    assert caught.value.code == ExitCode.USAGE
    with pytest.raises(SpanbitError, match="cannot read the target file"):
        load_target(str(tmp_path / "absent.toml"))
    long = tmp_path / "a-name-far-too-long.toml"
    long.write_text(RPI4)
    with pytest.raises(SpanbitError, match="cannot be a target's name"):
        load_target(str(long))
