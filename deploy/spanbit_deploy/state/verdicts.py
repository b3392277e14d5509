"""Which targets' runners run on a board, and what to change there.

[verdict.target for verdict in verdicts(facts) if verdict.runs]
advice(facts)[0]
"""

from __future__ import annotations

from dataclasses import dataclass

from spanbit.targets import Target, list_targets, load_target

from spanbit_deploy.state.facts import BoardFacts

# What code for a core's own -mcpu may use, as Linux names it.
_NEEDS = {
    "cortex-a76": ("asimd", "asimddp", "asimdhp", "atomics"),
    "neoverse-n1": ("asimd", "asimddp", "asimdhp", "atomics"),
}
_ISA_NEEDS = {"neon64": ("asimd",), "neon32": ("neon",), "avx2": ("avx2",)}


@dataclass(frozen=True)
class Verdict:
    """Whether a runner built for a target runs on the board, and why not."""

    target: str
    runs: bool
    why: str


def verdicts(facts: BoardFacts) -> tuple[Verdict, ...]:
    """One for each target that comes with spanbit."""
    return tuple(_verdict(facts, load_target(name)) for name in list_targets())


def advice(facts: BoardFacts) -> tuple[str, ...]:
    """What to change, the most important first; nothing where all is well."""
    said = []
    if facts.throttled:
        bits = ", ".join(facts.throttled)
        said.append(f"{bits}: use a better power supply and cooling, then start it again")
    if facts.celsius is not None and facts.celsius >= 80:
        said.append(f"{facts.celsius:.0f} °C: cool it; a Raspberry Pi slows down from 80 °C on")
    if facts.disk_free_kib is not None and facts.disk_free_kib < 10 * 1024:
        said.append(
            f"{facts.disk_free_kib} KiB free on its disk: a release takes about 1 MiB, three are kept"
        )
    if facts.ram_free_kib is not None and facts.ram_free_kib < 16 * 1024:
        said.append(f"{facts.ram_free_kib} KiB of free RAM: end other programs")
    if facts.governor and facts.governor != "performance":
        said.append(
            f"governor {facts.governor}, times will waver; to measure: echo performance | "
            "sudo tee /sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
        )
    if facts.perf_paranoid is None:
        said.append("instructions cannot be counted: its kernel has no perf")
    elif not facts.perf and facts.perf_paranoid > 2 and not facts.is_root:
        said.append("instructions cannot be counted: sudo sysctl kernel.perf_event_paranoid=2")
    elif facts.perf is None:
        said.append("whether instructions can be counted is not known before a push: spanbit push BUNDLE")
    elif not facts.perf:
        said.append(f"instructions cannot be counted, and no sysctl is why: {facts.counters_absent}")
    if "ssh-keygen" not in facts.tools:
        said.append("it has no ssh-keygen: signatures of bundles are checked here, not there")
    return tuple(said)


def _verdict(facts: BoardFacts, target: Target) -> Verdict:
    if target.arch != facts.arch:
        return Verdict(target.name, False, f"the board is {facts.arch}, the target {target.arch}")
    if target.name == "host":
        return Verdict(target.name, False, "built for this very machine's CPU")
    needed = _NEEDS.get(target.cpu, _ISA_NEEDS.get(target.isa, ()))
    missing = [name for name in needed if name not in facts.features]
    if missing:
        return Verdict(target.name, False, f"the board's CPU has no {', '.join(missing)}")
    return Verdict(target.name, True, "")
