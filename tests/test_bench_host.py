"""What the benchmark of this host says of its own disturbance."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cores import Watch, busy_s, stay_on
from host import thread_sweep
from host_worker import REPEATS, one_round
from spanbit.errors import SpanbitError

HERE = Path(__file__).resolve().parent
_BURN = "import time\nwhile time.process_time() < 1: pass\nprint()\ninput()"


def test_busy_is_everything_but_idle_and_waiting_for_disks() -> None:
    # user nice system idle iowait irq softirq steal guest
    stat = "cpu  9 9 9 9 9 9 9 9 9\ncpu0 1 2 4 8 16 32 64 128 256\ncpu1 1 0 0 9 9 0 0 0 0\nintr 5 0\n"
    tick = 1 / os.sysconf("SC_CLK_TCK")
    assert busy_s(stat, frozenset({0})) == pytest.approx(231 * tick)
    assert busy_s(stat, frozenset({0, 1})) == pytest.approx(232 * tick)
    assert busy_s(stat, frozenset({7})) == 0


def test_a_process_is_others_until_it_is_ours() -> None:
    watch = Watch(sorted(os.sched_getaffinity(0)))
    with subprocess.Popen(
        [sys.executable, "-c", _BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it has burnt its time, and lives
        foreign = watch.others_s()
        process.communicate("\n")
    # What others do meanwhile, while it ends, counts against it.
    assert foreign - watch.others_s() > 0.5
    assert watch.all_s() > 1


def test_a_round_runs_everything_and_watches() -> None:
    calls: list[str] = []
    found = one_round({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, [0])
    assert {name: len(ns) for name, ns in found["ns"].items()} == {"a": REPEATS, "b": REPEATS}
    assert calls.count("a") > REPEATS and calls == sorted(calls), "a warm-up first, and one after the other"
    assert found["all_s"] > 0
    assert found["pinned"] == sorted(os.sched_getaffinity(0))


def test_a_core_that_is_not_there_is_named() -> None:
    with pytest.raises(SpanbitError, match="no core 4000 "):
        stay_on([0, 4000])


def test_a_worker_is_pinned_to_as_many_cores_as_it_has_threads() -> None:
    core = min(os.sched_getaffinity(0))
    code = f"import os; from cores import stay_on; stay_on([{core}]); print(os.sched_getaffinity(0))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HERE.parent / "bench"
    )
    assert done.stdout == f"{{{core}}}\n"


def test_two_threads_are_measured_where_there_are_two_cores() -> None:
    assert thread_sweep(0, {0, 1, 2}) == (1, 2)
    assert thread_sweep(2, {0, 1, 2}) == (1,)
    assert thread_sweep(0, {0, 3}) == (1,)
