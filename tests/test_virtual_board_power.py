"""The power of a board is cut at every step of a push: what its disk holds afterwards runs.

A virtual board with a disk of its own (ext4, as a board's). Its process is killed, so that what its kernel
had not written is lost. It boots at the beginning and at the end; in between it goes on from the memory of a
machine that has just booted (virtual_power.py), for the time's sake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from deploy_helpers import make_bundle
from spanbit.errors import SpanbitError
from spanbit.targets import load_target
from spanbit_deploy.release import Release, Step, files_of, locked, push
from spanbit_deploy.release.check import check_golden
from spanbit_deploy.release.layout import root_of
from spanbit_deploy.release.listing import current_digest
from spanbit_deploy.release.verify import check_stored
from spanbit_deploy.state.facts import probe
from spanbit_deploy.toolchains import build_runner
from virtual_power import Power

STEPS = list(Step)
IN_THE_MIDDLE = "in the middle of SEND"


@dataclass
class Scene:
    """The board, and releases without end."""

    power: Power
    runner: bytes
    bundles: list[bytes]
    told: list[str] = field(default_factory=list)  # while waiting for the lock
    _count: int = 0

    def next_files(self) -> dict[str, bytes]:
        """Of a release that is not on the board yet: its runner has to be sent."""
        self._count += 1
        runner, bundle = self.runner + bytes(self._count), self.bundles[self._count % len(self.bundles)]
        return files_of("demo", runner=runner, bundle=bundle, target="rpi4")

    def push(self, cut_at: Step | str | None = None) -> None:
        """A push, in the middle of which the power goes."""

        def reached(step: Step) -> None:
            if step is cut_at:
                self.power.cut()

        def progress(sent: int, total: int) -> None:
            if cut_at == IN_THE_MIDDLE and 2 * sent > total:
                self.power.cut()

        self.told.clear()
        with locked(self.power.board, "push", wait=2, reached=reached, told=self.told.append) as lock:
            push(lock, "demo", self.next_files(), progress=progress)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("power")
    runner = build_runner(load_target("rpi4")).read_bytes()
    power = Power(folder, "power")
    power.boot()
    try:
        power.remember()
        yield Scene(power, runner, [make_bundle(folder, seed=seed).read_bytes() for seed in (0, 1)])
    finally:
        power.end()


def current(power: Power) -> str:
    """The current release: whole, and it gives its golden outputs."""
    board = power.board
    digest = current_digest(board, "demo")
    release = Release("demo", digest, root_of("demo"))
    check_stored(board, release)
    assert check_golden(board, f"{release.root}/current", release) == 2
    return digest


@pytest.mark.parametrize("step", [*STEPS, IN_THE_MIDDLE], ids=lambda step: getattr(step, "name", step))
def test_the_power_is_cut(step: Step | str, scene: Scene) -> None:
    scene.power.on()
    if not current_digest(scene.power.board, "demo"):
        scene.push()
    old = current_digest(scene.power.board, "demo")
    if step is Step.UNLOCK:  # all is done but this
        scene.push(step)
    else:
        with pytest.raises(SpanbitError, match="lost"):
            scene.push(step)

    scene.power.on()
    is_new = current(scene.power) != old
    if step == IN_THE_MIDDLE or STEPS.index(Step(step)) <= STEPS.index(Step.SWITCH):
        assert not is_new
    if step in (Step.PRUNE, Step.UNLOCK):  # the history was written out, and what it speaks of
        assert is_new


def test_it_boots_again_and_takes_the_next_push(scene: Scene) -> None:
    scene.power.on()
    scene.push()
    with pytest.raises(SpanbitError, match="lost"):
        scene.push(Step.CONFIRM)  # the link has just been replaced
    scene.power.boot()
    before = current(scene.power)
    facts = probe(scene.power.board)  # of a board with a disk
    assert facts.disk_free_kib is not None and 1024 < facts.disk_free_kib < 64 * 1024
    # The lock, if it came to the disk, is of before the start, so it is stale; what was left is removed.
    scene.push()
    assert not scene.told or "stale" in scene.told[0]
    assert current(scene.power) != before
    assert ".tmp" not in scene.power.board.run(("find", ".spanbit")).text
