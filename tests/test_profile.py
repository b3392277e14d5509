"""Profiles: conditions of a board, watts, the file, comparing two, and the commands."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from deploy_helpers import make_bundle, spanbit
from spanbit.errors import ExitCode, SpanbitError
from spanbit_deploy.profile.compare import compare, median_ratio
from spanbit_deploy.profile.conditions import judge, wait_until_cool
from spanbit_deploy.profile.power import energy_of, open_meter
from spanbit_deploy.profile.record import SCHEMA, Profile, read_record, record_bytes, record_schema
from spanbit_deploy.profile.stats import stats_of
from spanbit_deploy.state.readings import State, parse_states, read_state, watched
from spanbit_deploy.transports import Local
from spanbit_deploy.watcher import Watcher

# Nothing here can throttle, and there is no Raspberry Pi: this stands for its `vcgencmd`. It answers what the
# file beside it says.
MOCK_VCGENCMD = '#!/bin/sh\n[ "$1" = get_throttled ] && cat "$(dirname "$0")/throttled"\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, and two runs of it in `a` and `b`."""
    folder = tmp_path_factory.mktemp("profile")
    bundle = make_bundle(folder)
    for name in ("a", "b"):
        done = spanbit("profile", str(bundle), "--rounds", "30", "--out", str(folder / name))
        assert done.returncode == 0, done.stderr
        assert f"next: spanbit report html {folder / name}" in done.stdout.replace("\n", "")
    return folder


def slower(profile: Profile, factor: float) -> Profile:
    """The same with every time longer."""
    (run,) = profile.runs
    layers = tuple(
        replace(layer, ns=tuple(round(factor * ns) for ns in layer.ns)) for layer in run.figures.layers
    )
    total = tuple(round(factor * ns) for ns in run.figures.total_ns)
    return replace(profile, runs=(replace(run, figures=replace(run.figures, layers=layers, total_ns=total)),))


def fake_sysfs(folder: Path, *, millidegrees: int = 41_250, governor: str = "performance") -> Path:
    """A board's /sys, as far as state/readings.py reads it."""
    files = {
        "class/thermal/thermal_zone0/temp": millidegrees,
        "class/thermal/thermal_zone0/type": "cpu thermal",
        "devices/system/cpu/cpufreq/policy0/scaling_cur_freq": 1_500_000,
        "devices/system/cpu/cpufreq/policy0/scaling_governor": governor,
        "class/hwmon/hwmon0/power1_input": 2_500_000,
        "class/hwmon/hwmon0/name": "ina219",
    }
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return folder


def test_stats() -> None:
    stats = stats_of([3_000_000, 1_000_000, 2_000_000])
    assert stats is not None and stats_of([]) is None
    assert (stats.count, stats.min_ms, stats.p50_ms, stats.max_ms, stats.mean_ms) == (3, 1, 2, 3, 2)
    assert stats.std_ms == pytest.approx((2 / 3) ** 0.5)


def test_a_boards_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "vcgencmd"
    tool.parent.mkdir()
    tool.write_text(MOCK_VCGENCMD)
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    (tool.parent / "throttled").write_text("throttled=0x50005\n")
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    sysfs = fake_sysfs(tmp_path / "sys")
    with Local(tmp_path / "home") as board:
        state = read_state(board, str(sysfs))
        assert state.temperature_c == {"cpu_thermal": 41.25} and state.hottest_c == 41.25
        assert state.frequency_mhz == {"policy0": 1500} and state.governor == {"policy0": "performance"}
        assert state.power_w == {"ina219": 2.5}
        assert state.throttled == 0x50005 and state.load is not None
        empty = read_state(board, str(tmp_path / "nothing"))
        assert empty.temperature_c == {} and empty.hottest_c is None

        command = watched(("sh", "-c", "echo out; sleep 1.5; exit 7"), "states", 1, str(sysfs))
        done = board.run(command)
        assert (done.exit_code, done.text) == (7, "out\n")
        states = parse_states(board.get("states"))
        assert len(states) == 2 and states[1].hottest_c == 41.25


def test_names_that_come_twice() -> None:
    said = b"temperature cpu 50000\ntemperature cpu 40000\npower ina219 1500000\npower ina219 250000\nend\n"
    (state,) = parse_states(said)
    assert state.temperature_c == {"cpu": 50.0} and state.power_w == {"ina219": 1.75}


def test_a_state_that_cannot_be_trusted() -> None:
    said = (
        b"temperature a b c d\ntemperature cpu nan\ntemperature cpu 1e99\nnonsense\n\xff\xfe 1\nend\nload x 1"
    )
    assert parse_states(said + b"\n") == (State(),)


def test_what_makes_a_run_invalid() -> None:
    calm = State(frequency_mhz={"policy0": 1500}, governor={"policy0": "performance"}, throttled=0)
    assert judge(calm, [calm], calm).valid
    assert judge(State(), [], State()).valid  # a board that tells nothing
    hot = replace(calm, throttled=0x4)
    assert "throttled" in judge(calm, [hot], calm).problems[0]
    since = replace(calm, throttled=0x10000)
    assert "under-voltage" in judge(calm, [], since).problems[0]
    assert judge(since, [since], since).valid  # long ago
    slow = replace(calm, frequency_mhz={"policy0": 600})
    assert "fell from 1500 to 600 MHz" in judge(calm, [slow], calm).problems[0]
    saving = replace(calm, governor={"policy0": "ondemand"})
    found = judge(saving, [replace(slow, governor=saving.governor)], saving)
    assert found.valid and "ondemand" in found.notes[0]


def test_waiting_until_it_is_cool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spanbit_deploy.profile import conditions

    temperatures = iter((80.0, 70.0, 49.0))

    def state(board: Local, sysfs: str = "") -> State:
        return State(temperature_c={"cpu": next(temperatures)})

    monkeypatch.setattr(conditions, "read_state", state)
    with Local(tmp_path) as board:
        assert wait_until_cool(board, 50, Watcher(), pause_s=0) >= 0
        temperatures = iter((80.0, 80.0))
        with pytest.raises(SpanbitError) as caught:
            wait_until_cool(board, 50, Watcher(), pause_s=0, timeout_s=-1)
        assert caught.value.code == ExitCode.TIMEOUT
        monkeypatch.setattr(conditions, "read_state", lambda board, sysfs="": State())
        with pytest.raises(SpanbitError, match="tells no temperature"):
            wait_until_cool(board, 50, Watcher())


def test_watts_of_a_command(tmp_path: Path) -> None:
    meter = open_meter("command:sh -c 'while :; do echo 2.0; echo noise; echo 4.0; sleep 0.05; done'")
    with meter, Local(tmp_path) as board:
        board.run(("sleep", "0.3"))
    energy = energy_of("meter", meter.watts()[:2], mean_ms=10)
    assert (energy.mean_w, energy.joules_an_inference) == (3.0, 0.03)
    with pytest.raises(SpanbitError, match="no power meter 'x'"):
        open_meter("x")
    with pytest.raises(SpanbitError, match="cannot be started"), open_meter("command:no-such-command"):
        pass
    silent = open_meter("command:sleep 60")
    with silent:
        pass
    with pytest.raises(SpanbitError, match="printed no watts"):
        silent.watts()
    with pytest.raises(SpanbitError, match="exit code 3"), open_meter("command:sh -c 'exit 3'"):
        Local(tmp_path).run(("sleep", "0.3"))


def test_a_meter_of_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "solar.py").write_text(
        "from spanbit_deploy.profile.power import Meter\n"
        "class Panel(Meter):\n"
        "    def __init__(self, details): self.details, self.read = details, ()\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *_): self.read = (float(self.details),)\n"
        "    def watts(self): return self.read\n"
    )
    info = tmp_path / "solar-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: solar\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[spanbit.power]\nsolar = solar:Panel\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with open_meter("solar:2.5") as meter:
        pass
    assert meter.watts() == (2.5,)
    with pytest.raises(SpanbitError, match="solar:"):  # it is named among those that there are
        open_meter("lunar:1")


def test_a_runs_folder(folder: Path) -> None:
    assert {path.name for path in (folder / "a").iterdir()} == {
        "profile.json",
        "environment.json",
        "log.txt",
    }
    assert "running on host" in (folder / "a" / "log.txt").read_text()
    assert "Linux" in json.loads((folder / "a" / "environment.json").read_text())["system"]
    profile = read_record(folder / "a")
    assert profile == read_record(folder / "a" / "profile.json")
    assert profile.schema == SCHEMA and len(profile.runs[0].figures.total_ns) == 30
    assert len(profile.trees["conv1"].parent) == 16
    assert "Profile" in json.dumps(record_schema())
    again = folder / "again.json"
    again.write_bytes(record_bytes(profile))
    assert read_record(again) == profile


def test_profiles_that_are_refused(folder: Path, tmp_path: Path) -> None:
    good = json.loads((folder / "a" / "profile.json").read_text())
    path = tmp_path / "profile.json"

    def refused(change: object) -> str:
        path.write_text(change if isinstance(change, str) else json.dumps(change))
        with pytest.raises(SpanbitError) as caught:
            read_record(path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    assert "not a profile" in refused("{")
    assert "not a profile" in refused("[]")
    assert "schema 99" in refused({**good, "schema": 99})
    assert "runs" in refused({name: value for name, value in good.items() if name != "runs"})
    assert "no times" in refused({**good, "runs": []})
    good["runs"][0]["figures"]["layers"][0]["ns"].pop()
    assert "every round" in refused(good)


def test_median_ratio_and_its_interval() -> None:
    draw = np.random.default_rng(7)
    before = (1e6 * draw.lognormal(0, 0.1, 200)).astype(int).tolist()
    after = (1.2e6 * draw.lognormal(0, 0.1, 200)).astype(int).tolist()
    ratio, low, high = median_ratio(before, after, draw)
    assert low < ratio < high and 1.1 < low < 1.2 < high < 1.3
    assert median_ratio([5] * 10, [10] * 10, draw) == (2, 2, 2)
    # How often an interval of 95 % holds the true ratio, 1.
    held = 0
    for _ in range(100):
        first, second = (1e6 * draw.lognormal(0, 0.1, (2, 60))).astype(int).tolist()
        _, low, high = median_ratio(first, second, draw)
        held += low <= 1 <= high
    assert 85 <= held <= 100


def test_compare(folder: Path) -> None:
    profile = read_record(folder / "a")
    (same,) = compare(profile, profile)
    assert same.total.ratio == 1 and same.total.verdict == "same"
    (changed,) = compare(profile, slower(profile, 1.5))
    assert changed.total.ratio == pytest.approx(1.5, abs=0.01)
    assert [layer.name for layer in changed.layers] == ["stem", "conv1", "pool", "conv2", "head"]
    (run,) = profile.runs
    fewer = replace(run, figures=replace(run.figures, layers=run.figures.layers[1:], target="rpi3"))
    (found,) = compare(profile, replace(profile, runs=(fewer,)))
    assert found.only_before == ("stem",) and "target: host against rpi3" in found.notes
    twice = replace(run, figures=replace(run.figures, threads=2))
    (found,) = compare(profile, replace(profile, runs=(twice,)))
    assert "threads: 1 against 2" in found.notes
    with pytest.raises(SpanbitError, match="no setting in common"):
        compare(replace(profile, runs=(run, run)), replace(profile, runs=(twice,)))


def test_the_command_compare(folder: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.json"
    late.write_bytes(record_bytes(slower(read_record(folder / "a"), 1.3)))
    done = spanbit("compare", str(folder / "a"), str(late), "--json")
    assert done.returncode == 0, done.stderr
    (setting,) = json.loads(done.stdout)["settings"]
    assert setting["verdict"] == "slower"
    done = spanbit("compare", str(folder / "a"), str(late), "--fail-over", "10", COLUMNS="120")
    assert done.returncode == ExitCode.SLOWER and "more than 10 %" in done.stderr
    assert "1.3" in done.stdout and "slower" in done.stdout
    assert spanbit("compare", str(folder / "a"), str(late), "--fail-over", "60").returncode == 0
    assert spanbit("compare", str(late), str(folder / "a"), "--fail-over", "10").returncode == 0

    profile = read_record(folder / "a")
    (run,) = profile.runs
    hot = replace(run, conditions=replace(run.conditions, problems=("the board throttled",)))
    late.write_bytes(record_bytes(replace(profile, runs=(hot,))))
    done = spanbit("compare", str(folder / "a"), str(late))
    assert done.returncode == ExitCode.BAD_INPUT and "--invalid-ok" in done.stderr
    assert spanbit("compare", str(folder / "a"), str(late), "--invalid-ok").returncode == 0


def test_a_sweep_with_a_meter(folder: Path, tmp_path: Path) -> None:
    meter = "command:sh -c 'while :; do echo 2.5; sleep 0.01; done'"
    first, *others = sorted(os.sched_getaffinity(0))
    both = (first, *others[:1])
    asked = ["--rounds", "3", "--warmup", "1", "--threads", "1,2"]
    asked += ["--cpus", str(first), "--cpus", ",".join(map(str, both))]
    bundle = folder / "tiny.spb"
    done = spanbit("profile", str(bundle), *asked, "--power", meter, "--out", str(tmp_path / "run"), "--json")
    assert done.returncode == 0, done.stderr
    profile = read_record(tmp_path / "run")
    assert [(run.figures.threads, run.figures.cpus) for run in profile.runs] == [
        (1, (first,)),
        (2, (first,)),
        (1, both),
        (2, both),
    ]
    for run in profile.runs:
        assert run.energy is not None and run.energy.mean_w == 2.5
        assert run.figures.total is not None
        assert run.energy.joules_an_inference == pytest.approx(2.5e-3 * run.figures.total.mean_ms)
    assert profile.runs[0].figures.classified is not None and profile.runs[1].figures.classified is None


def test_rounds_by_the_clock(folder: Path) -> None:
    done = spanbit("profile", str(folder / "tiny.spb"), "--rounds", "2", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["runs"][0]["figures"]
    assert figures["rounds"] == 10_000 or sum(figures["total_ns"]) >= 0.9e9


def test_mistakes_of_profile(folder: Path, tmp_path: Path) -> None:
    bundle = str(folder / "tiny.spb")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("x")
    for arguments, code, said in (
        (("--threads", "1,9"), ExitCode.USAGE, "from 1 to 8"),
        (("--threads", ""), ExitCode.USAGE, "from 1 to 8"),
        (("--cpus", "0-"), ExitCode.USAGE, "no list of processors"),
        (("--cpus", "200"), ExitCode.USAGE, "no such processors here"),
        (("--seconds", "300"), ExitCode.USAGE, "--timeout"),
        (("--power", "sun"), ExitCode.USAGE, "no power meter"),
        (("--power", "board"), ExitCode.BOARD, "measures no watts"),
        (("--cool-below", "40"), ExitCode.BOARD, "tells no temperature"),
        (("--out", str(tmp_path / "other")), ExitCode.USAGE, "something else in it"),
    ):
        done = spanbit("profile", bundle, "--rounds", "2", *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        assert said in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "other" / "thesis.tex").read_text() == "x"
