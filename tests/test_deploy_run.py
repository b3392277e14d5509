"""Running a bundle: emulated cores, images, what a runner may say, and the commands' errors."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deploy_helpers import make_bundle, spanbit
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import Shape
from spanbit.targets import load_target
from spanbit_deploy import place
from spanbit_deploy.bundle_file import load_bundle
from spanbit_deploy.doctor import examine
from spanbit_deploy.images import load_images
from spanbit_deploy.place import check_arch, choose_target, open_place
from spanbit_deploy.runner_json import Expected, ReportError, RunnerFailure, RunnerReport, parse_report
from spanbit_deploy.toolchains import build_runner, find_toolchain
from spanbit_deploy.transports import Emulated, Local, Result
from spanbit_deploy.transports import local as local_module


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def on_host(bundle: Path) -> dict[str, Any]:
    return profile(bundle, "host")


def profile(bundle: Path, on: str, *more: str) -> dict[str, Any]:
    done = spanbit("profile", str(bundle), "--on", on, "--rounds", "4", "--json", *more)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    (run,) = said["runs"]
    figures: dict[str, Any] = run["figures"]
    return figures


@pytest.mark.parametrize(
    ("target", "isa", "arch"),
    [
        ("rpi3", "neon64", "aarch64"),
        ("rpi4", "neon64", "aarch64"),
        ("rpi5", "neon64", "aarch64"),
        ("generic-aarch64", "neon64", "aarch64"),
        ("rpi2", "neon32", "armv7"),
        ("rpi-zero", "scalar32", "armv6"),
    ],
)
def test_emulated_boards_say_what_the_host_says(
    target: str, isa: str, arch: str, bundle: Path, on_host: dict[str, Any]
) -> None:
    said = profile(bundle, f"emulated:{target}")
    assert (said["target"], said["isa"], said["arch"]) == (target, isa, arch)
    assert said["emulated"] and said["note"] == "emulated, not a board's time"
    assert said["golden_count"] == 2
    assert said["classified"] == on_host["classified"]
    assert said["rounds"] == 4
    assert 0 < said["total"]["p50_ms"] <= said["total"]["p90_ms"] <= said["total"]["p99_ms"]
    assert [layer["name"] for layer in said["layers"]] == [layer["name"] for layer in on_host["layers"]]


def test_host_figures(bundle: Path, on_host: dict[str, Any]) -> None:
    assert not on_host["emulated"] and on_host["note"] == ""
    found = on_host["classified"]
    labels = np.load(bundle.with_suffix(".test.npz"))["labels"]
    assert found["count"] == 30
    assert found["correct"] == int((labels == np.asarray(found["predictions"])).sum())
    assert found["accuracy"] == found["correct"] / 30
    stem, conv1, pool = on_host["layers"][:3]
    assert (stem["kernel"], conv1["kernel"], pool["kernel"]) == ("stem", "tree", "max-pool")
    assert conv1["macs"] == 16 * 144 * 64 and pool["macs"] is None
    assert "tree" in conv1["reason"] and "dense" in conv1["reason"]
    assert sum(layer["share"] for layer in on_host["layers"]) == pytest.approx(1)
    memory = on_host["memory"]
    assert memory["bundle"] == bundle.stat().st_size
    assert 0 < memory["arena"] < memory["peak_rss"] and 0 < memory["program"] < memory["peak_rss"]
    assert on_host["first_ms"] > 0 and len(on_host["total_ns"]) == on_host["rounds"]


def test_tables(bundle: Path) -> None:
    done = spanbit("profile", str(bundle), "--on", "emulated:rpi4", "--rounds", "2", COLUMNS="120")
    assert done.returncode == 0, done.stderr
    for part in (
        "emulated, not a board's time",
        "p50 ms",
        "p99 ms",
        "conv1",
        "total",
        "golden outputs: 2 of 2",
    ):
        assert part in done.stdout
    done = spanbit("run", str(bundle), "--count", "5", COLUMNS="120")
    assert "of 5 images" in done.stdout and "p50" not in done.stdout


def test_a_golden_mismatch_names_the_layer(bundle: Path, tmp_path: Path) -> None:
    data = bytearray(bundle.read_bytes())
    image_bytes = 8 * 8
    golden = struct.unpack_from("<I", data, 36)[0] + image_bytes
    data[golden + 4] ^= 1  # the digest of layer 1
    struct.pack_into("<I", data, 12, zlib.crc32(data[16:]))
    bad = tmp_path / "bad.spb"
    bad.write_bytes(data)
    done = spanbit("profile", str(bad))
    assert done.returncode == ExitCode.GOLDEN_MISMATCH, done.stderr
    assert "conv1" in done.stderr and "Traceback" not in done.stderr
    assert spanbit("profile", str(bad), "--on", "emulated:rpi4").returncode == ExitCode.GOLDEN_MISMATCH


def test_errors_of_the_commands(bundle: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.spb"
    short.write_bytes(bundle.read_bytes()[:100])
    cases = (
        (("profile", str(short)), ExitCode.BAD_BUNDLE, "short.spb"),
        (("profile", str(tmp_path / "absent.spb")), ExitCode.BAD_INPUT, "absent.spb"),
        (("profile", str(bundle), "--on", "moon"), ExitCode.USAGE, "ssh://USER@HOST"),
        (("profile", str(bundle), "--on", "emulated:rpi9"), ExitCode.USAGE, "no target 'rpi9'"),
        (("profile", str(bundle), "--on", "emulated:host"), ExitCode.USAGE, "use --on host"),
        (("profile", str(bundle), "--target", "rpi-zero"), ExitCode.BOARD, "rpi-zero is armv6"),
        (("profile", str(bundle), "--accept-host-key", "SHA256:x"), ExitCode.USAGE, "ssh:// only"),
        (("profile", str(bundle), "--timeout", "0.001", "--rounds", "10000"), ExitCode.TIMEOUT, "--timeout"),
    )
    for arguments, code, said in cases:
        done = spanbit(*arguments)
        assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (code, True, False), (
            done.stderr
        )
    (tmp_path / "tiny.spb").write_bytes(bundle.read_bytes())
    done = spanbit("run", str(tmp_path / "tiny.spb"))
    assert done.returncode == ExitCode.USAGE and "--images" in done.stderr


def test_no_compiler(tmp_path: Path) -> None:
    shipped = Path(place.__file__).parents[2] / "targets" / "rpi4.toml"
    own = tmp_path / "mine.toml"
    own.write_text(
        shipped.read_text().replace("aarch64-linux-gnu-gcc", "no-such-gcc").replace("ziglang", "no_such_zig")
    )
    with pytest.raises(SpanbitError) as caught:
        find_toolchain(load_target(str(own)))
    assert caught.value.code == ExitCode.TOOLCHAIN
    assert "no-such-gcc" in caught.value.why and "python -m no_such_zig cc" in caught.value.why
    assert "pip install" in caught.value.fix and "apt install" in caught.value.fix


def test_the_runner_is_static_and_built_once() -> None:
    runner = build_runner(load_target("rpi3"))
    data = runner.read_bytes()
    headers, (size, count) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<HH", data, 54)
    kinds = {struct.unpack_from("<I", data, headers + i * size)[0] for i in range(count)}
    assert 1 in kinds and 3 not in kinds  # it is loaded, and names no interpreter that would load more
    assert build_runner(load_target("rpi3")) == runner


def test_targets_for_places(monkeypatch: pytest.MonkeyPatch) -> None:
    class At(Local):
        said = "aarch64"

        def arch(self) -> str:
            return self.said

    board = At(name="ssh://pi")

    def chosen(on: str, bundle_target: str, wanted: str | None = None) -> tuple[str, bool]:
        choice = choose_target(on, board, bundle_target=bundle_target, wanted=wanted)
        return choice.target.name, bool(choice.message)

    assert chosen("host", "rpi4") == ("host", False)
    assert chosen("emulated:rpi2", "rpi4") == ("rpi2", False)
    assert chosen("board", "rpi4") == ("rpi4", False)
    assert chosen("board", "rpi5") == ("generic-aarch64", True)  # newer than the virtual board's core
    assert chosen("board", "rpi2") == ("generic-aarch64", True)
    assert chosen("ssh://pi", "rpi5") == ("rpi5", False)
    assert chosen("ssh://pi", "host") == ("generic-aarch64", True)
    assert chosen("ssh://pi", "unheard-of") == ("generic-aarch64", True)
    assert chosen("ssh://pi", "rpi4", "rpi3") == ("rpi3", False)
    board.said = "armv7"
    assert chosen("ssh://pi", "rpi4") == ("rpi2", True)
    board.said = "armv6"
    assert chosen("ssh://pi", "rpi4") == ("rpi-zero", True)
    with pytest.raises(SpanbitError, match=r"armv6, rpi4 is aarch64[\s\S]*--target rpi-zero"):
        check_arch(board, load_target("rpi4"))
    board.said = "other"
    monkeypatch.setattr(board, "run", lambda command: Result(0, b"riscv64\n", b""))
    with pytest.raises(SpanbitError, match="riscv64"):
        chosen("ssh://pi", "rpi4")


def test_emulator_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SpanbitError, match="apt install qemu-user"), open_place("emulated:rpi4"):
        pass
    with pytest.raises(SpanbitError), Emulated(load_target("rpi2")):
        pass


def test_local_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_module, "OUTPUT_MAX", 1 << 20)
    with Local(tmp_path) as board:
        with pytest.raises(SpanbitError, match="was stopped"):
            board.run(("yes",))
        with pytest.raises(SpanbitError) as caught:
            board.run(("sh", "-c", "echo $$ > pid; exec sleep 60"), timeout=0.3)
        assert caught.value.code == ExitCode.TIMEOUT
        assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()
        with pytest.raises(SpanbitError, match="cannot start"):
            board.run(("no-such-program",))


GOOD = {
    "runner": 2,
    "isa": "neon64",
    "arch": "aarch64",
    "threads": 1,
    "cores": 4,
    "cpus": [0, 3],
    "arena_bytes": 64,
    "peak_rss_bytes": 4096,
    "code_bytes": 1000,
    "layers": [{"name": "a", "op": 1, "taps": 0, "ns": [1, 2]}],
    "golden": {"count": 1, "ok": True},
    "classified": {"count": 1, "predictions": [3]},
    "rounds": 2,
    "first_ns": 9,
    "counters": {"cycles": 70, "absent": "Permission denied"},
    "total_ns": [5, 6],
}
EXPECTED = Expected(layers=1, images=1, classes=10, rounds=2)


def test_a_good_report() -> None:
    report = parse_report(json.dumps(GOOD), EXPECTED)
    assert isinstance(report, RunnerReport)
    assert (report.predictions, report.total_ns, report.layers[0].ns) == ((3,), (5, 6), (1, 2))
    assert (report.first_ns, report.cpus, report.counters) == (9, (0, 3), {"cycles": 70})
    assert report.counters_absent == "Permission denied"


def test_rounds_by_the_clock_are_at_least_those_asked_for() -> None:
    longer = {**GOOD, "rounds": 3, "total_ns": [5, 6, 7]}
    longer["layers"] = [{"name": "a", "op": 1, "taps": 0, "ns": [1, 2, 3]}]
    with pytest.raises(ReportError, match="rounds"):
        parse_report(json.dumps(longer), EXPECTED)
    report = parse_report(json.dumps(longer), replace(EXPECTED, seconds=1))
    assert isinstance(report, RunnerReport) and report.total_ns == (5, 6, 7)


@pytest.mark.parametrize(
    "change",
    [
        {"runner": 1},
        {"runner": 3},
        {"runner": True},
        {"cpus": 7},
        {"cpus": [256]},
        {"peak_rss_bytes": -1},
        {"first_ns": None},
        {"counters": {"cycles": -1}},
        {"counters": []},
        {"rounds": 3},
        {"layers": [{"name": "a", "op": 1, "taps": 0, "ns": [1, 2], "instructions": "3"}]},
        {"isa": 7},
        {"threads": 2},  # one was asked for
        {"cores": 0},
        {"isa": "x" * 100},
        {"arena_bytes": -1},
        {"arena_bytes": 1e3},
        {"arena_bytes": 10**30},
        {"layers": []},
        {"layers": [7]},
        {"layers": [{"name": "a", "op": 1, "taps": 0, "ns": [1, "2"]}]},
        {"golden": {"count": 1, "ok": False}},
        {"golden": None},
        {"classified": {"predictions": [10]}},
        {"classified": {"predictions": [1, 2]}},
        {"classified": {"predictions": [True]}},
        {"total_ns": [1]},
        {"error": "text"},
        {"error": {"status": 1}},
    ],
    ids=str,
)
def test_reports_that_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ReportError):
        parse_report(json.dumps({**GOOD, **change}), EXPECTED)


@pytest.mark.parametrize(
    "text", ["", "Segmentation fault", "[]", "{" * 100_000, "[" * 100_000, '{"runner": 2}']
)
def test_texts_that_are_no_report(text: str) -> None:
    with pytest.raises(ReportError):
        parse_report(text, EXPECTED)


def test_a_board_sends_no_escape_sequences() -> None:
    error = {"status": 23, "text": "bad\x1b[2J", "layer": -1, "layer_name": "", "where": "x"}
    said = parse_report(json.dumps({"runner": 2, "error": error}), EXPECTED)
    assert isinstance(said, RunnerFailure) and said.text == "bad?[2J"


def test_images(tmp_path: Path, bundle: Path) -> None:
    shape = Shape(1, 8, 8)
    beside = load_images(None, None, bundle_path=bundle, shape=shape, count=7)
    assert beside is not None and beside.pixels.shape == (7, 8, 8, 1)
    assert beside.labels is not None and beside.labels.shape == (7,)
    assert load_images(None, None, bundle_path=tmp_path / "x.spb", shape=shape, count=7) is None

    raw, labels = tmp_path / "images.raw", tmp_path / "labels"
    raw.write_bytes(beside.pixels.tobytes())
    labels.write_bytes(beside.labels.tobytes())
    again = load_images(raw, labels, bundle_path=bundle, shape=shape, count=5)
    assert again is not None and np.array_equal(again.pixels, beside.pixels[:5])

    def refused(path: Path | None, label: Path | None = None, shape: Shape = shape) -> str:
        with pytest.raises(SpanbitError) as caught:
            load_images(path, label, bundle_path=bundle, shape=shape, count=5)
        return str(caught.value)

    assert "do not fit" in refused(bundle.with_suffix(".test.npz"), shape=Shape(3, 8, 8))
    assert "own labels" in refused(bundle.with_suffix(".test.npz"), labels)
    assert "--labels needs --images" in refused(None, labels)
    labels.write_bytes(b"\0\0")
    assert "one label an image" in refused(raw, labels)
    raw.write_bytes(b"\0" * 65)
    assert "whole number of images" in refused(raw)
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"PK nonsense")
    assert "not an archive" in refused(bad)
    np.savez(bad, images=np.zeros((2, 8, 8, 1), np.float32))
    assert "float32" in refused(bad)
    np.savez(bad, images=np.zeros((2, 8, 8, 1), np.uint8), labels=np.array([1, 300]))
    assert "not in 0 .. 255" in refused(bad)


def test_doctor() -> None:
    findings = examine()
    assert {f.name for f in findings} >= {"torch", "paramiko", "rpi-zero", "host", "--on board", "digits"}
    assert all(bool(f.fix) != f.ok for f in findings)
    done = spanbit("doctor", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == (0 if said["works"] else ExitCode.TOOLCHAIN)
    # A machine with nothing but Python: compilers and qemu are missing, each with the way to get it.
    bare = spanbit("doctor", PATH="/nonexistent", COLUMNS="200")
    assert bare.returncode == ExitCode.TOOLCHAIN
    assert "apt install gcc-aarch64-linux-gnu" in bare.stdout and "qemu-system-arm" in bare.stdout


@pytest.mark.parametrize("command", ["run", "profile", "board", "doctor"])
def test_help_shows_an_example(command: str) -> None:
    done = spanbit(command, "--help")
    assert done.returncode == 0 and f"Example: spanbit {command}" in done.stdout


def test_a_bundle_of_any_name(bundle: Path, tmp_path: Path) -> None:
    odd = tmp_path / "-a b;ü.spb"
    odd.write_bytes(bundle.read_bytes())
    assert load_bundle(odd).name == "a_b__"
