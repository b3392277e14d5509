"""The cores that a benchmark stays on, and how much of their time went to others.

    stay_on((0, 1))
    watch = Watch((0, 1))
    ...                       # this process and its children run, and are waited for
    watch.others_s() / watch.all_s()

What the cores were busy with (/proc/stat, without waiting for disks) and we were not, is others'. It holds
for any number of threads, whether they work, wait or look for work.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError

_STAT = Path("/proc/stat")
_BUSY = (0, 1, 2, 5, 6, 7)  # columns: user, nice, system, irq, softirq, steal


def stay_on(cores: Sequence[int]) -> None:
    """This process, its threads and its children run on these cores only.

    Raises:
        SpanbitError: there are none such, or no Linux.
    """
    if not hasattr(os, "sched_setaffinity"):
        fix = "run it on Linux"
        raise SpanbitError("this system cannot pin a process to a core", fix=fix, code=ExitCode.USAGE)
    missing = sorted(set(cores) - os.sched_getaffinity(0))
    if missing:
        what = f"no core {', '.join(map(str, missing))} for this process"
        raise SpanbitError(what, fix="choose others with --cpu", code=ExitCode.USAGE)
    os.sched_setaffinity(0, set(cores))


class Watch:
    """Counts from when it is made. All that we run meanwhile must stay on the cores."""

    def __init__(self, cores: Sequence[int]) -> None:
        self._cores = frozenset(cores)
        self._began = time.perf_counter(), _own_s(), busy_s(_STAT.read_text(), self._cores)

    def all_s(self) -> float:
        """Seconds that the cores had, together."""
        return (time.perf_counter() - self._began[0]) * len(self._cores)

    def others_s(self) -> float:
        """Seconds of them that were neither ours nor idle; below 0 by what a clock tick leaves open."""
        busy = busy_s(_STAT.read_text(), self._cores) - self._began[2]
        return busy - (_own_s() - self._began[1])


def busy_s(stat: str, cores: frozenset[int]) -> float:
    """Seconds that the cores have not been idle, by the text of /proc/stat."""
    ticks = 0
    for line in stat.splitlines():
        name, *columns = line.split()
        if name.startswith("cpu") and name != "cpu" and int(name[3:]) in cores:
            ticks += sum(int(columns[column]) for column in _BUSY)
    return ticks / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
