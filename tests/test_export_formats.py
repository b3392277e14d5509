"""Packagings of exported C: each is built or validated by what can be had here.

PlatformIO and ESP-IDF's component manager pack what they are given. Zephyr, ESP-IDF itself and the Arduino
tools cannot be had: their CMake functions are stood in for by a few lines that build a plain library, and a
library for Arduino is compiled as its specification says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from firmware_nets import digits_bundle, write_files
from spanbit.cli import export as command
from spanbit.export import CNetwork, Input, Tables, c_network
from spanbit.export.formats import FORMATS

ROOT = Path(__file__).resolve().parent.parent
_ZEPHYR = """
set(CONFIG_DIGITS y)
function(zephyr_library_named name)
  add_library(${name} STATIC)
  set(ZEPHYR_CURRENT_LIBRARY ${name} PARENT_SCOPE)
endfunction()
function(zephyr_include_directories)
  include_directories(${ARGN})
endfunction()
function(zephyr_library_sources)
  target_sources(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
function(zephyr_library_compile_options)
  target_compile_options(${ZEPHYR_CURRENT_LIBRARY} PRIVATE ${ARGN})
endfunction()
"""
_IDF = """
function(idf_component_register)
  cmake_parse_arguments(GIVEN "" "" "SRCS;INCLUDE_DIRS" ${ARGN})
  add_library(digits STATIC ${GIVEN_SRCS})
  target_include_directories(digits PUBLIC ${GIVEN_INCLUDE_DIRS})
  set(COMPONENT_LIB digits PARENT_SCOPE)
endfunction()
"""


@pytest.fixture(scope="module")
def net() -> CNetwork:
    images = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 1), np.uint8)
    return c_network(digits_bundle(images, floats=True), "digits", Tables.FLASH)


def _built(root: Path, around: str, folder: str) -> None:
    """A CMake project around the packaging, for a Cortex-M4."""
    (root / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(around C)\nset(CMAKE_C_STANDARD 11)\n"
        f"add_compile_options(-idirafter {ROOT / 'runtime_c' / 'firmware' / 'libc'})\n{around}\n"
        f"add_subdirectory({folder} built)\n"
    )
    core = (
        "-DCMAKE_SYSTEM_NAME=Generic",
        "-DCMAKE_C_COMPILER=arm-none-eabi-gcc",
        "-DCMAKE_C_FLAGS=-mcpu=cortex-m4 -mthumb",
    )
    build = root / "build"
    _run("cmake", "-S", str(root), "-B", str(build), *core, "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY")
    _run("cmake", "--build", str(build))
    found = next(build.rglob("libdigits.a"))
    said = subprocess.run(
        ["arm-none-eabi-nm", "-A", str(found)], capture_output=True, text=True, check=True
    ).stdout
    assert {name for name in ("digits_init", "digits_run", "digits_check") if f" T {name}\n" in said} == {
        "digits_init",
        "digits_run",
        "digits_check",
    }


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_command_knows_every_format() -> None:
    assert set(command._FORMATS) == set(FORMATS)
    assert set(command._TABLES) == {tables.value for tables in Tables}
    assert set(command._INPUTS) == {given.value for given in Input}


def test_cmake(net: CNetwork, tmp_path: Path) -> None:
    write_files(FORMATS["cmake"](net), tmp_path / "digits")
    _built(tmp_path, "", "digits")


def test_zephyr(net: CNetwork, tmp_path: Path) -> None:
    files = FORMATS["zephyr"](net)
    write_files(files, tmp_path / "digits")
    module = yaml.safe_load(files["zephyr/module.yml"])
    assert module == {"name": "digits", "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"}}
    assert (tmp_path / "digits" / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    kconfig = (tmp_path / "digits" / module["build"]["kconfig"]).read_text()
    assert re.match(r'config DIGITS\n\tbool "', kconfig)
    _built(tmp_path, _ZEPHYR, "digits/zephyr")


def test_esp_idf(net: CNetwork, tmp_path: Path) -> None:
    """ESP-IDF's component manager takes the manifest, and packs the component."""
    files = FORMATS["esp-idf"](net)
    write_files(files, tmp_path / "digits")
    manifest = yaml.safe_load(files["idf_component.yml"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"]) and manifest["dependencies"] == {
        "idf": ">=5.0"
    }
    assert set(files) <= _packed_for_idf(tmp_path / "digits")
    _built(tmp_path, _IDF, "digits")
    (tmp_path / "digits" / "idf_component.yml").write_text(yaml.safe_dump(manifest | {"version": "one"}))
    with pytest.raises(subprocess.CalledProcessError):
        _packed_for_idf(tmp_path / "digits")


def _packed_for_idf(component: Path) -> set[str]:
    """The files of a package of the component."""
    words = [sys.executable, "-m", "idf_component_manager", "component", "pack", "--name", "digits"]
    subprocess.run(words, check=True, capture_output=True, timeout=120, cwd=component)
    with tarfile.open(next((component / "dist").glob("*.tgz"))) as archive:
        return {member.name.removeprefix("./") for member in archive if member.isfile()}


def test_platformio(net: CNetwork, tmp_path: Path) -> None:
    """PlatformIO itself takes the manifest, and packs the library."""
    files = FORMATS["platformio"](net)
    manifest = json.loads(files["library.json"])
    assert re.fullmatch(r"[a-zA-Z0-9\s_\-]{1,50}", manifest["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert all(re.fullmatch(r"[a-z\d\-]{1,50}", word) for word in manifest["keywords"])
    assert f"{manifest['build']['includeDir']}/{manifest['headers']}" in files
    assert any(path.startswith(manifest["build"]["srcDir"] + "/") for path in files)
    write_files(files, tmp_path / "library")
    assert _packed_by_platformio(tmp_path) == set(files)
    (tmp_path / "library" / "library.json").write_text(json.dumps(manifest | {"version": "one"}))
    with pytest.raises(subprocess.CalledProcessError):
        _packed_by_platformio(tmp_path)


def _packed_by_platformio(folder: Path) -> set[str]:
    """The files of a package of folder/library."""
    package = folder / "package.tar.gz"
    words = [sys.executable, "-m", "platformio", "pkg", "pack", str(folder / "library"), "-o", str(package)]
    own = {"PLATFORMIO_CORE_DIR": str(folder / "core"), "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no"}
    subprocess.run(words, check=True, capture_output=True, timeout=120, env=os.environ | own)
    with tarfile.open(package) as archive:
        return {member.name for member in archive if member.isfile()}


def test_arduino(net: CNetwork, tmp_path: Path) -> None:
    files = FORMATS["arduino"](net)
    properties = dict(line.split("=", 1) for line in files["library.properties"].decode().splitlines())
    needed = (
        "name",
        "version",
        "author",
        "maintainer",
        "sentence",
        "paragraph",
        "category",
        "url",
        "architectures",
    )
    assert all(properties[key] for key in needed)
    assert f"src/{properties['includes']}" in files and "examples/digits_check/digits_check.ino" in files
    write_files(files, tmp_path)
    for path in sorted(tmp_path.glob("src/**/*.c")):  # the IDE compiles all below src/, with -Isrc alone
        libc = ROOT / "runtime_c" / "firmware" / "libc"
        flags = [
            "-mcpu=cortex-m4",
            "-mthumb",
            "-O0",
            "-std=gnu11",
            f"-I{tmp_path / 'src'}",
            "-idirafter",
            str(libc),
        ]
        _run("arm-none-eabi-gcc", *flags, "-c", str(path), "-o", str(tmp_path / "one.o"))
