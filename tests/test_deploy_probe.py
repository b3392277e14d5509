"""`spanbit doctor --on`: what a board says of itself: a Raspberry Pi's files, and this machine."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from deploy_helpers import spanbit
from rich.console import Console
from spanbit.targets.machine import this_arch
from spanbit_deploy.state.facts import Clock, probe
from spanbit_deploy.state.verdicts import advice, verdicts
from spanbit_deploy.state.view import probe_view
from spanbit_deploy.transports import Local, Result

CPUFREQ = ("scaling_governor", "scaling_cur_freq", "cpuinfo_min_freq", "cpuinfo_max_freq", "related_cpus")
PI = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "etc/os-release": 'NAME=x\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    "proc/cpuinfo": "".join(
        f"processor\t: {number}\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU part\t: 0xd08\n\n"
        for number in range(4)
    ),
    "proc/meminfo": "MemTotal:        1933000 kB\nMemFree: 1 kB\nMemAvailable:    1500000 kB\n",
    "proc/sys/kernel/perf_event_paranoid": "3\n",
    **{
        f"sys/devices/system/cpu/cpufreq/{policy}/{name}": text
        for policy, *texts in (
            ("policy0", "ondemand\n", "600000\n", "600000\n", "1500000\n", "0 1 2 3\n"),
            ("policy4", "performance\n", "2400000\n", "408000\n", "2400000\n", "4 5\n"),
            ("policy10", "powersave\n", "408000\n", "408000\n", "1800000\n", "10\n"),
        )
        for name, text in zip(CPUFREQ, texts, strict=True)
    },
    "sys/class/thermal/thermal_zone0/temp": "48312\n",
    "sys/class/thermal/thermal_zone0/type": "soc\n",
    "sys/class/thermal/thermal_zone2/temp": "47000\n",
    "sys/class/thermal/thermal_zone2/type": "soc\n",  # two zones of one name
    "sys/class/thermal/thermal_zone1/temp": "81500\n",
    "sys/class/thermal/thermal_zone1/type": "gpu\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter\n",
    "lib/ld-linux-aarch64.so.1": "",
    "bin/vcgencmd": "#!/bin/sh\necho throttled=0x50005\n",
    "bin/uname": "#!/bin/sh\ncase $1 in -m) echo aarch64;; *) echo Linux 6.6.31;; esac\n",
    "bin/getconf": "#!/bin/sh\nexit 1\n",
    "bin/id": "#!/bin/sh\necho 1000\n",
}


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, content in PI.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    (tmp_path / "bin" / "sh").write_bytes(b"\x7fELF\x01" + bytes(20))  # a 32-bit userland on a 64-bit kernel
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def facts_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Local.run

    def real_sh(self, command, *, timeout=60.0) -> Result:  # type: ignore[no-untyped-def]
        return run(self, ("/bin/sh", *command[1:]) if command[0] == "sh" else command, timeout=timeout)

    monkeypatch.setattr(Local, "run", real_sh)


def test_a_raspberry_pi(pi: Path, facts_shell: None) -> None:
    with Local(pi / "home") as board:
        facts = probe(board, str(pi))
    assert facts.model == "Raspberry Pi 4 Model B Rev 1.4" and facts.arch == "aarch64"
    assert facts.userland_bits == 32 and facts.libc == "glibc (ld-linux-aarch64.so.1)"
    assert facts.system.startswith("Debian") and facts.kernel == "Linux 6.6.31"
    assert (facts.neon, facts.dotprod, facts.fp16) == (True, False, False)
    assert facts.cores == 4 and facts.core_types == {"Cortex-A72": 4}
    assert facts.clocks == (
        Clock("policy0", "0 1 2 3", "ondemand", 600, 600, 1500),
        Clock("policy4", "4 5", "performance", 2400, 408, 2400),
        Clock("policy10", "10", "powersave", 408, 408, 1800),
    )
    assert facts.state.temperature_c == {"soc": 48.312, "gpu": 81.5}
    assert facts.celsius == 81.5 and facts.clock_source == "arch_sys_counter"
    assert (
        facts.throttled is not None and "under-voltage now" in facts.throttled and len(facts.throttled) == 4
    )
    assert (facts.ram_kib, facts.ram_free_kib, facts.perf_paranoid) == (1933000, 1500000, 3)
    assert facts.perf is None and facts.counters is None  # nobody there who could ask
    found = {verdict.target: verdict for verdict in verdicts(facts)}
    assert found["rpi4"].runs and found["generic-aarch64"].runs
    assert not found["rpi5"].runs and "asimddp" in found["rpi5"].why
    assert not found["rpi2"].runs and "aarch64" in found["rpi2"].why
    said = "\n".join(advice(facts))
    for word in ("under-voltage", "governor ondemand", "perf_event_paranoid=2", "82 °C"):
        assert word in said


RUNNER = """#!/bin/sh
[ "$1" = --counters ] || exit 1
echo '{{"runner": 2, "isa": "neon64", "arch": "aarch64", "counters": [{names}], "absent": "{absent}"}}'
exit {code}
"""


@pytest.mark.parametrize(
    ("names", "absent", "code", "perf", "shown", "advised"),
    [
        ('"cycles", "instructions"', "", 0, True, "cycles, instructions (perf_event", ""),
        ("", "Permission denied", 0, False, "none (Permission denied", "perf_event_paranoid=2"),
        ('"cycles"', "No such file", 0, False, "cycles (No such file", "perf_event_paranoid=2"),
        ("", "", 2, None, "could not be asked", "perf_event_paranoid=2"),  # a runner that does not know how
        ("1", "", 0, None, "could not be asked", "perf_event_paranoid=2"),  # nonsense
    ],
)
def test_counters_are_asked_for(
    names: str,
    absent: str,
    code: int,
    perf: bool | None,
    shown: str,
    advised: str,
    pi: Path,
    facts_shell: None,
) -> None:
    runner = pi / "home" / ".spanbit" / "demo" / "releases" / ("0" * 16) / "spb_runner"
    runner.parent.mkdir(parents=True)
    runner.write_text(RUNNER.format(names=names, absent=absent, code=code))
    runner.chmod(0o755)
    with Local(pi / "home") as board:
        facts = probe(board, str(pi))
    assert facts.perf is perf and facts.as_dict()["perf"] is perf
    screen = io.StringIO()
    Console(file=screen, width=200).print(probe_view(facts, "pi"))
    assert shown in screen.getvalue()
    assert "policy4 (cores 4 5): governor performance, 2400 MHz now (408 to 2400)" in screen.getvalue()
    many = tuple(Clock(f"policy{n}", str(n), "schedutil", 800 + 100 * n, 800, 3000) for n in range(64))
    screen = io.StringIO()
    Console(file=screen, width=200).print(probe_view(replace(facts, clocks=many), "a server"))
    assert "policy0 to policy63: governor schedutil, 800 to 7100 MHz now (800 to 3000)" in screen.getvalue()
    said = [line for line in advice(facts) if "instructions" in line]
    assert advised in said[0] if advised else not said


def test_a_board_that_says_nothing(tmp_path: Path) -> None:
    with Local(tmp_path) as board:
        facts = probe(board, str(tmp_path))
    assert facts.model == "" and facts.throttled is None and facts.celsius is None and facts.cores is None
    assert any("no perf" in line for line in advice(facts))


def test_the_command(tmp_path: Path) -> None:
    done = spanbit("doctor", "--on", "host", "--json")
    said = json.loads(done.stdout)
    assert said["arch"] == this_arch() and said["cores"] == os.cpu_count() and said["ram_free_kib"] > 0
    assert {verdict["target"] for verdict in said["targets"]} >= {"host", "rpi4"}
    shown = spanbit("doctor", "--on", "host", COLUMNS="110").stdout
    assert "targets that run" in shown and "clock source" in shown
    assert len(shown.splitlines()) <= 40  # one screen
    (tmp_path / "boards.toml").write_text('[boards.a]\non = "host"\n[boards.b]\non = "ssh://127.0.0.1:1"\n')
    many = spanbit("doctor", "--inventory", str(tmp_path / "boards.toml"), "--json")
    assert json.loads(many.stdout)["failed"] == 1 and many.returncode == 6
