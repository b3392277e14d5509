"""The C runtime outside Python: kernels against their definitions (host, emulated ARM), the runner's JSON,
clean compiles, replayed fuzz seeds, and the instruction counter.

    pytest tests/test_runtime_c.py

The cross compilers and qemu-user named in PLATFORMS must be installed: a missing one is a failure here.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from spanbit_deploy.runner_json import PROTOCOL

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "runtime_c"
SANITIZE = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True)
class Platform:
    """A compiler with flags, the emulator that runs what it makes, and what the runner must say of itself."""

    name: str
    compiler: tuple[str, ...]
    emulator: tuple[str, ...]
    isa: str
    arch: str
    cases: int


PLATFORMS = (
    Platform("host-scalar", ("gcc", *SANITIZE), (), "scalar64", "x86_64", 60),
    Platform("host-scalar32", ("gcc", "-O2", "-DSPB_FORCE_SCALAR=32"), (), "scalar32", "x86_64", 100),
    Platform("host-avx2", ("clang", "-mavx2", *SANITIZE), (), "avx2", "x86_64", 60),
    Platform(
        "cortex-a53",
        ("aarch64-linux-gnu-gcc", "-O3", "-mcpu=cortex-a53", "-static"),
        ("qemu-aarch64", "-cpu", "cortex-a53"),
        "neon64",
        "aarch64",
        60,
    ),
    Platform(
        "cortex-a72-clang",  # inline assembly has clang's registers too
        ("clang", "--target=aarch64-linux-gnu", "-O2", "-mcpu=cortex-a72", "-static"),
        ("qemu-aarch64", "-cpu", "cortex-a72"),
        "neon64",
        "aarch64",
        60,
    ),
    Platform(
        "cortex-a76",  # SDOT: stem_tile_neon.h
        ("aarch64-linux-gnu-gcc", "-O3", "-mcpu=cortex-a76", "-static"),
        ("qemu-aarch64", "-cpu", "cortex-a76"),
        "neon64",
        "aarch64",
        60,
    ),
    Platform(
        "cortex-a7",
        ("arm-linux-gnueabihf-gcc", "-O3", "-mcpu=cortex-a7", "-mfpu=neon-vfpv4", "-static"),
        ("qemu-arm", "-cpu", "cortex-a7"),
        "neon32",
        "armv7",
        60,
    ),
    Platform(
        "arm1176",
        ("arm-linux-gnueabi-gcc", "-O3", "-marm", "-mcpu=arm1176jzf-s", "-mfloat-abi=soft", "-static"),
        ("qemu-arm", "-cpu", "arm1176"),
        "scalar32",
        "armv6",
        40,
    ),
)


def _run(command: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, **environment}
    )


def _sources(*folders: str) -> tuple[str, ...]:
    return tuple(str(p) for folder in folders for p in sorted((RUNTIME / folder).glob("*.c")))


def _build(compiler: tuple[str, ...], out: Path, *arguments: str) -> Path:
    library = _sources("src", "src/kernels")
    done = _run(
        (
            *compiler,
            "-pthread",
            f"-I{RUNTIME / 'include'}",
            f"-I{RUNTIME / 'pool'}",
            *arguments,
            *library,
            "-o",
            str(out),
        )
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network written by tests/test_model.c, sealed with what the host calculates."""
    folder = tmp_path_factory.mktemp("bundle")
    test = str(RUNTIME / "tests" / "test_model.c")
    program = _build(("gcc", "-O2", "-D_POSIX_C_SOURCE=200809L"), folder / "test_model", test)
    assert _run((str(program), "--write", str(folder / "tiny.spb"), "7")).returncode == 0
    return folder / "tiny.spb"


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: p.name)
def test_kernels_equal_their_definitions(platform: Platform) -> None:
    done = _run(
        (str(RUNTIME / "tests" / "run_tests.sh"), *platform.compiler),
        EMULATOR=" ".join(platform.emulator),
        CASES=str(platform.cases),
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(lines) == len(list((RUNTIME / "tests").glob("test_*.c")))
    assert all(line.endswith(f"{platform.cases} passed, 0 failed") for line in lines)


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: p.name)
def test_runner_reports_the_same_everywhere(platform: Platform, bundle: Path, tmp_path: Path) -> None:
    runner = _build(platform.compiler, tmp_path / "spb_runner", *_sources("pool", "runner"))
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(bytes(i * i * 7 % 251 for i in range(4 * 3 * 9 * 14)))
    labels.write_bytes(bytes([0, 1, 2, 3]))
    arguments = ("--images", str(images), "--labels", str(labels), "--rounds", "2", "--warmup", "1")
    done = _run((*platform.emulator, str(runner), str(bundle), *arguments))
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert (said["isa"], said["arch"], said["name"]) == (platform.isa, platform.arch, 'tiny "net"')
    assert said["golden"] == {"count": 1, "ok": True}
    assert said["classified"]["count"] == 4
    hits = [p == i for i, p in enumerate(said["classified"]["predictions"])]
    assert said["classified"]["correct"] == sum(hits)
    assert len(said["total_ns"]) == 2
    assert [layer["op"] for layer in said["layers"]] == [1, 2, 4, 3, 2, 5]
    assert all(len(layer["ns"]) == 2 for layer in said["layers"])


def test_workers_touch_no_byte_in_common(tmp_path: Path) -> None:
    test = str(RUNTIME / "tests" / "test_pool.c")
    thread = ("gcc", "-g", "-O1", "-mavx2", "-fsanitize=thread", "-D_POSIX_C_SOURCE=200809L")
    program = _build(thread, tmp_path / "test_pool", *_sources("pool"), test)
    done = _run((str(program), "16"))
    assert (done.returncode, done.stdout) == (0, "16 passed, 0 failed\n"), done.stdout + done.stderr


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda p: p.name)
def test_runner_with_threads_holds_the_golden_record(
    platform: Platform, bundle: Path, tmp_path: Path
) -> None:
    runner = _build(platform.compiler, tmp_path / "spb_runner", *_sources("pool", "runner"))
    for threads in (2, 5, 8):
        arguments = ("--threads", str(threads), "--rounds", "3")
        done = _run((*platform.emulator, str(runner), str(bundle), *arguments))
        assert done.returncode == 0, done.stdout + done.stderr
        said = json.loads(done.stdout)
        assert said["threads"] == threads and said["cores"] >= 1
        assert said["golden"] == {"count": 1, "ok": True}


def _with_crc(data: bytearray) -> bytes:
    struct.pack_into("<I", data, 12, zlib.crc32(data[16:]))
    return bytes(data)


def test_runner_names_what_is_wrong(bundle: Path, tmp_path: Path) -> None:
    runner = str(_build(("gcc", *SANITIZE), tmp_path / "spb_runner", *_sources("pool", "runner")))
    good = bundle.read_bytes()
    bad = tmp_path / "bad.spb"

    def ask(*arguments: str) -> tuple[int, dict[str, object]]:
        done = _run((runner, *arguments))
        said = json.loads(done.stdout)
        assert said["runner"] == PROTOCOL
        return done.returncode, said["error"]

    golden = struct.unpack_from("<I", good, 36)[0] + 3 * 9 * 14
    altered = bytearray(good)
    altered[golden + 4 * 3] ^= 1  # layer 3's digest
    bad.write_bytes(_with_crc(altered))
    code, error = ask(str(bad), "--rounds", "1")
    assert (code, error["status"], error["layer"], error["layer_name"]) == (8, 60, 3, "layer3")

    bad.write_bytes(good[:-1])
    assert ask(str(bad))[1]["status"] == 20
    altered = bytearray(good)
    altered[-1] ^= 1
    bad.write_bytes(bytes(altered))
    code, error = ask(str(bad))
    assert (code, error["status"], error["where"]) == (4, 23, str(bad))

    short = tmp_path / "short"
    short.write_bytes(b"\0" * 5)
    assert ask(str(bundle), "--images", str(short))[0] == 3
    assert ask(str(tmp_path / "absent.spb"))[0] == 3
    assert ask()[0] == 2
    assert ask(str(bundle), "--rounds", "-1")[0] == 2
    for threads in ("0", "9", "-1", "two"):
        assert ask(str(bundle), "--threads", threads)[0] == 2
    assert ask(str(bundle), "--frobnicate")[1]["where"] == "--frobnicate"


@pytest.mark.parametrize(
    "compiler",
    [
        ("gcc", "-O2"),
        ("gcc", "-O2", "-mavx2"),
        ("clang", "-O2"),
        ("clang", "-O2", "-mavx2"),
        ("gcc", "-O2", "-DSPB_FORCE_SCALAR=32"),
        ("aarch64-linux-gnu-gcc", "-O2"),
        ("clang", "--target=aarch64-linux-gnu", "-O2"),
        ("arm-linux-gnueabihf-gcc", "-O2", "-mfpu=neon-vfpv4"),
        ("arm-linux-gnueabi-gcc", "-O2", "-marm", "-march=armv6"),
    ],
    ids=" ".join,
)
def test_no_warnings(compiler: tuple[str, ...]) -> None:
    done = _run((str(RUNTIME / "tests" / "check_warnings.sh"), *compiler))
    assert (done.returncode, done.stderr) == (0, "")


def test_fuzz_targets_replay_seeds(bundle: Path, tmp_path: Path) -> None:
    for name in ("fuzz_bundle", "fuzz_image"):
        source = str(RUNTIME / "fuzz" / f"{name}.c")
        standalone = ("-D_POSIX_C_SOURCE=200809L", "-DSPB_FUZZ_STANDALONE")
        program = _build(("gcc", *SANITIZE, *standalone), tmp_path / name, source)
        seeds = [bundle]
        for i in range(40):  # one byte of the header or the layer table each
            data = bytearray(bundle.read_bytes())
            data[16 + i * 16] ^= 1 << i % 8
            seeds.append(tmp_path / f"seed{i}")
            seeds[-1].write_bytes(data)
        done = _run((str(program), *map(str, seeds)))
        assert (done.returncode, done.stdout) == (0, "41 inputs replayed\n"), done.stderr


def test_instruction_counter_is_exact(tmp_path: Path) -> None:
    source = tmp_path / "loop.c"
    source.write_text(
        "int main(int count, char **v) { (void)v; long n = 1000L * count;\n"
        '__asm__ volatile("mov x12, x12\\n1: subs %0, %0, #1\\nbne 1b\\nmov x13, x13"\n'
        ' : "+r"(n) : : "cc"); return 0; }\n'
    )
    plugin = tmp_path / "libinsn.so"
    insn = str(ROOT / "bench" / "insn_plugin.c")
    assert _run(("gcc", "-std=c11", "-O2", "-fPIC", "-shared", insn, "-o", str(plugin))).returncode == 0
    program = str(tmp_path / "loop")
    assert _run(("aarch64-linux-gnu-gcc", "-O2", "-static", str(source), "-o", program)).returncode == 0
    for count in (1, 3):
        out = tmp_path / "insn.json"
        emulator = ("qemu-aarch64", "-cpu", "cortex-a53", "-plugin", f"{plugin},out={out}")
        assert _run((*emulator, program, *("x" for _ in range(count - 1)))).returncode == 0
        said = json.loads(out.read_text())
        assert (said["target"], said["marked"], said["marks"]) == ("aarch64", 2000 * count, 1)
        assert said["each"] == [2000 * count]
