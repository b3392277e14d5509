"""examples/firmware: the one for qemu is built and run, the others are built against stand-ins for SDKs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from firmware_nets import digits_bundle, write_files
from spanbit.export import CNetwork, Input, Tables, c_network
from spanbit.export.formats import FORMATS
from test_export_formats import _ZEPHYR

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples" / "firmware"
_CORE = (
    "-DCMAKE_SYSTEM_NAME=Generic",
    "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY",
    "-DCMAKE_C_COMPILER=arm-none-eabi-gcc",
    "-DCMAKE_CXX_COMPILER=arm-none-eabi-gcc",
    "-DCMAKE_ASM_COMPILER=arm-none-eabi-gcc",
    f"-DCMAKE_C_FLAGS=-mcpu=cortex-m0plus -mthumb -idirafter {ROOT / 'runtime_c' / 'firmware' / 'libc'}",
)
# No program without the SDK: its objects and the network's library are what can be built.
_PICO = """
include_directories(${CMAKE_CURRENT_LIST_DIR})
function(pico_sdk_init)
endfunction()
function(add_executable name)
  add_library(${name} STATIC ${ARGN})
  target_include_directories(${name} PRIVATE %s)
endfunction()
function(pico_enable_stdio_usb)
endfunction()
function(pico_add_extra_outputs)
endfunction()
add_library(pico_stdlib INTERFACE)
"""


def _net(given: Input) -> CNetwork:
    images = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 1), np.uint8)
    return c_network(digits_bundle(images, floats=True), "digits", Tables.FLASH, given=given)


@pytest.fixture(scope="module")
def net() -> CNetwork:
    return _net(Input.IMAGE)


def _run(*words: str, **environment: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("given", Input)
def test_cortex_m4_under_qemu(given: Input, tmp_path: Path) -> None:
    write_files(FORMATS["cmake"](_net(given)), tmp_path / "digits")
    build = str(tmp_path / "build")
    _run("cmake", "-S", str(EXAMPLES / "cortex-m4-qemu"), "-B", build, f"-DNETWORK={tmp_path / 'digits'}")
    _run("cmake", "--build", build)
    emulator = ("qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none")
    semihosting = ("-semihosting-config", "enable=on,target=native", "-kernel", f"{build}/digits.elf")
    said = _run(*emulator, *semihosting)
    assert "the golden image is right" in said and "class " in said


def test_pico(net: CNetwork, tmp_path: Path) -> None:
    write_files(FORMATS["cmake"](net), tmp_path / "digits")
    sdk = tmp_path / "sdk" / "external"
    (sdk / "pico").mkdir(parents=True)
    (sdk / "pico_sdk_import.cmake").write_text(_PICO % sdk)
    (sdk / "pico" / "stdlib.h").write_text(
        "#include <stdint.h>\nuint64_t time_us_64(void);\n"
        "void sleep_ms(uint32_t);\nint stdio_init_all(void);\n"
    )
    (sdk / "stdio.h").write_text("int printf(const char *, ...);\n")
    build, network = str(tmp_path / "build"), f"-DNETWORK={tmp_path / 'digits'}"
    _run("cmake", "-S", str(EXAMPLES / "pico"), "-B", build, network, *_CORE, PICO_SDK_PATH=str(sdk.parent))
    _run("cmake", "--build", build)
    assert (tmp_path / "build" / "libdigits_on_pico.a").is_file()


def test_zephyr(net: CNetwork, tmp_path: Path) -> None:
    write_files(FORMATS["zephyr"](net), tmp_path / "digits")
    base = tmp_path / "zephyr"
    (base / "include" / "zephyr").mkdir(parents=True)
    (base / "include" / "zephyr" / "kernel.h").write_text("int printk(const char *, ...);\n")
    module = tmp_path / "digits" / "zephyr"
    (base / "ZephyrConfig.cmake").write_text(
        f"{_ZEPHYR}\ninclude_directories({base / 'include'} {tmp_path / 'digits' / 'include'})\n"
        f'file(WRITE ${{CMAKE_BINARY_DIR}}/empty.c "")\nenable_language(C)\n'
        f"add_library(app STATIC ${{CMAKE_BINARY_DIR}}/empty.c)\nadd_subdirectory({module} module)\n"
    )
    build = str(tmp_path / "build")
    _run("cmake", "-S", str(EXAMPLES / "zephyr"), "-B", build, f"-DZephyr_DIR={base}", *_CORE)
    _run("cmake", "--build", build)
    assert (tmp_path / "build" / "libapp.a").is_file()
    assert set((EXAMPLES / "zephyr" / "prj.conf").read_text().splitlines()) >= {"CONFIG_DIGITS=y"}
