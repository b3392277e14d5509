"""A training that is stopped goes on as if nothing had happened, whatever the compressor."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from spanbit.errors import SpanbitError
from spanbit.nn import fit
from spanbit.nn.checkpoint import load_checkpoint
from spanbit.nn.methods import Method
from spanbit.nn.train import Files, TrainConfig, train
from torch import nn

SMALL = TrainConfig("digits", threads=1, width=8, epochs=4, cost=0.2, held_back=100)


def digest(net: nn.Module) -> str:
    """Of all weights, statistics and masks, bit by bit."""
    found = hashlib.sha256()
    for name, value in sorted(net.state_dict().items()):
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()


class PowerCutError(Exception):
    """The power goes."""


def stop_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(path: Path, state: Any) -> None:
        original(path, state)
        if state.epoch == epoch:
            raise PowerCutError

    original = fit.save_state
    monkeypatch.setattr(fit, "save_state", save)


@pytest.mark.parametrize("epoch", [1, 3])
@pytest.mark.parametrize(
    ("method", "mixed"), [("prune", False), ("tie", False), ("tie", True), ("tree-loss", False)]
)
def test_every_method_goes_on_bit_by_bit(
    method: Method, mixed: bool, epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(SMALL, method=method, mixed=mixed)
    expected = digest(train(config, files=Files(log=tmp_path / "whole.csv")).net)
    files = Files(log=tmp_path / "a.csv", state=tmp_path / "a.resume")
    with monkeypatch.context() as patch:
        stop_after(epoch, patch)
        with pytest.raises(PowerCutError):
            train(config, files=files)
    resumed = train(config, files=replace(files, resume=True))
    assert digest(resumed.net) == expected
    lines = [
        [row.split(",")[:3] for row in (tmp_path / name).read_text().splitlines()]
        for name in ("whole.csv", "a.csv")
    ]
    assert lines[0] == lines[1] and len(lines[0]) == 5


def command(out: Path, *more: str) -> list[str]:
    text = "from spanbit.cli.main import main; main()"
    options = ["--data", "digits", "--width", "16", "--epochs", "12", "--threads", "1"]
    method = ["--method", "tie", "--cost", "0.2"]
    return [sys.executable, "-c", text, "train", *options, *method, "--out", str(out), *more]


def test_a_killed_command_gives_the_same_network(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole.pt", tmp_path / "killed.pt"
    subprocess.run(command(whole), check=True, capture_output=True)
    assert not whole.with_suffix(".resume").exists()
    process = subprocess.Popen(command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    state = killed.with_suffix(".resume")
    limit = time.monotonic() + 300
    while process.poll() is None and not state.exists() and time.monotonic() < limit:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not killed.exists()
    done = torch.load(state, weights_only=True)["epoch"]
    assert 1 <= done < 12
    subprocess.run(command(killed, "--resume"), check=True, capture_output=True)
    assert digest(load_checkpoint(killed)[0]) == digest(load_checkpoint(whole)[0])
    assert not state.exists()


def test_resuming_without_a_state_begins(tmp_path: Path) -> None:
    files = Files(state=tmp_path / "a.resume", resume=True)
    config = replace(SMALL, epochs=1)
    assert digest(train(config, files=files).net) == digest(train(config).net)


def test_other_options_and_foreign_files_are_refused(tmp_path: Path) -> None:
    files = Files(state=tmp_path / "a.resume", resume=True)
    train(replace(SMALL, epochs=1), files=files)
    with pytest.raises(SpanbitError, match=r"epochs 1 then, 2 now.*\n.*without --resume") as caught:
        train(replace(SMALL, epochs=2, seed=4), files=files)
    assert "seed 0 then, 4 now" in caught.value.why
    for content in (b"", b"nonsense", b"PK\x03\x04 broken"):
        (tmp_path / "a.resume").write_bytes(content)
        with pytest.raises(SpanbitError, match="not the state"):
            train(replace(SMALL, epochs=1), files=files)
    torch.save({"format": "another"}, tmp_path / "a.resume")
    with pytest.raises(SpanbitError, match="not the state"):
        train(replace(SMALL, epochs=1), files=files)


def test_a_state_that_cannot_be_written_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="cannot write the training's state"):
        train(replace(SMALL, epochs=1), files=Files(state=tmp_path / "none" / "a.resume"))
    with pytest.raises(SpanbitError, match="cannot write the log"):
        train(replace(SMALL, epochs=1), files=Files(log=tmp_path / "none" / "a.csv"))
