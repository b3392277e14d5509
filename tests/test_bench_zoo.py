"""bench/zoo.py: a trained network becomes a bundle, is equal everywhere, and keeps its accuracy."""

from __future__ import annotations

from pathlib import Path

import pytest
import zoo
import zoo_networks
from spanbit.bundle import read_bundle
from spanbit.runtime import isas


def test_a_trained_network_is_made_checked_and_classifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(zoo_networks.TRAINED, "vgg_small", zoo_networks.Digits(width=4, scale=1, epochs=1))
    path = tmp_path / "net.spb"
    made = zoo.make("vgg_small", "trained", path)
    assert (made.network, made.images, made.width, made.weights) == ("vgg_small", "1x8x8", 4, "trained")
    assert made.same_class == made.tested == 360  # no shortcuts, so nothing is rounded
    assert made.accuracy == made.bundle_accuracy != 0
    assert made.file_bytes == path.stat().st_size and read_bundle(path.read_bytes()).compiled.arena_bytes
    places = zoo.check(path)
    assert places[: len(isas())] == list(isas()) and len(places) == len(isas()) + len(zoo.EMULATED)
