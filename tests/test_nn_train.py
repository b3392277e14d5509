"""Training: it learns, gives the same again, and its checkpoint is the network."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn import BinaryConv2d
from spanbit.nn.augment import augment
from spanbit.nn.checkpoint import ModelSpec
from spanbit.nn.data import load
from spanbit.nn.methods import Method
from spanbit.nn.train import TrainConfig, evaluate, load_checkpoint, train
from spanbit.nn.tree_loss import layer_tree, trees_cost
from spanbit.nn.zoo import NETWORKS, vgg_tiny

SMALL = TrainConfig("digits", threads=1, width=8, epochs=2)


@pytest.fixture(scope="module")
def digits_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float, float]:
    path = tmp_path_factory.mktemp("train") / "digits.pt"
    result = train(TrainConfig("digits", threads=1, epochs=16), checkpoint=path)
    return path, result.accuracy, result.cost


def test_digits_are_learned_at_the_cost_asked_for(digits_checkpoint: tuple[Path, float, float]) -> None:
    _, accuracy, cost = digits_checkpoint
    assert accuracy >= 0.93
    assert cost == round(0.10 * 129024) / 129024


def test_a_checkpoint_is_the_network_that_was_measured(digits_checkpoint: tuple[Path, float, float]) -> None:
    path, accuracy, cost = digits_checkpoint
    net, meta = load_checkpoint(path)
    data = load("digits")
    images = torch.from_numpy(data.test_images).permute(0, 3, 1, 2)
    assert not net.training
    assert evaluate(net, images, torch.from_numpy(data.test_labels)) == accuracy == meta["accuracy"]
    assert 0 < meta["tree_cost"] <= cost
    assert meta["cost"] == cost and meta["input_shape"] == (1, 8, 8)
    assert tuple(meta["class_names"]) == data.class_names
    used = sum(int((m.effective_weight() != 0).sum()) for m in net.modules() if isinstance(m, BinaryConv2d))
    assert used / 129024 == cost


def test_a_seed_gives_the_same_network_and_another_seed_another() -> None:
    first, again, other = (
        train(TrainConfig("digits", threads=1, width=8, epochs=2, seed=seed)).net.state_dict()
        for seed in (3, 3, 4)
    )
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["conv1.weight"], other["conv1.weight"])


def test_training_leaves_the_callers_random_state_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    train(SMALL)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_without_a_cost_the_network_is_binary() -> None:
    result = train(TrainConfig("digits", threads=1, width=8, epochs=1, cost=None))
    assert result.cost == 1.0
    assert 0.2 < result.tree_cost < 0.6
    assert result.spec.weights == "binary"


@pytest.mark.parametrize(
    ("method", "mixed", "values"),
    [
        *(("prune", False, {-1, 0, 1}), ("tie", False, {-1, 1}), ("tie", True, {-1, 0, 1})),
        *(("tree-loss", False, {-1, 1}), ("none", False, {-1, 1})),
    ],
)
def test_every_method_trains_what_it_says(
    method: Method, mixed: bool, values: set[int], tmp_path: Path
) -> None:
    config = TrainConfig("digits", threads=1, width=8, epochs=2, cost=0.2, method=method, mixed=mixed)
    result = train(config, checkpoint=tmp_path / "x.pt")
    net, meta = load_checkpoint(tmp_path / "x.pt")
    convs = [layer for layer in net.modules() if isinstance(layer, BinaryConv2d)]
    assert set(torch.cat([conv.effective_weight().flatten() for conv in convs]).tolist()) == values
    assert meta["config"]["method"] == method
    assert trees_cost(convs) == result.tree_cost
    if method == "none":
        assert result.tree_cost > 0.3
    else:
        assert 0.15 < result.tree_cost <= 0.2001


def test_a_trained_network_is_refined(tmp_path: Path) -> None:
    start = str(tmp_path / "twin.pt")
    config = TrainConfig("digits", threads=1, width=8, epochs=8, cost=None)
    twin = train(config, checkpoint=start)
    for method in ("prune", "tie"):
        again = replace(config, epochs=1, cost=0.25, method=method)  # type: ignore[arg-type]
        refined = train(replace(again, start=start))
        assert refined.tree_cost <= 0.2501 < twin.tree_cost
        assert refined.accuracy > train(again).accuracy + 0.1  # what was learned is still there
    with pytest.raises(SpanbitError, match="of another network"):
        train(replace(again, start=start, width=9))
    with pytest.raises(SpanbitError, match="cannot read"):
        train(replace(again, start=start + "x"))


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken"])
def test_a_foreign_file_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with pytest.raises(SpanbitError, match="not a checkpoint"):
        load_checkpoint(path)


def test_a_missing_file_and_other_states_are_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="cannot read"):
        load_checkpoint(tmp_path / "none.pt")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(SpanbitError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "other.pt")


def test_a_checkpoint_that_holds_code_is_not_run(tmp_path: Path) -> None:
    torch.save({"format": "spanbit checkpoint 1", "state": vgg_tiny}, tmp_path / "code.pt")
    with pytest.raises(SpanbitError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "code.pt")


def test_a_folder_that_is_not_there_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="cannot write"):
        train(SMALL, checkpoint=tmp_path / "none" / "x.pt")


@pytest.mark.parametrize(
    "wrong",
    [
        *({"cost": 0.0}, {"cost": 1.5}, {"epochs": 0}, {"width": 0}, {"rate": 0.0}),
        *({"method": "magic"}, {"method": "prune", "mixed": True}),
    ],
)
def test_impossible_configurations_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(SpanbitError) as caught:
        TrainConfig(**wrong)
    assert caught.value.code == ExitCode.USAGE


def test_augmentation_moves_and_mirrors_whole_images() -> None:
    image = torch.arange(12, dtype=torch.uint8).view(1, 1, 3, 4)
    generator = torch.Generator().manual_seed(0)
    batch = augment(image.expand(200, 1, 3, 4), shift=1, mirror=True, generator=generator)
    padded = np.pad(image[0, 0].numpy(), 1, mode="edge")
    moved = [padded[y : y + 3, x : x + 4] for y in range(3) for x in range(3)]
    possible = {part.tobytes() for part in moved} | {
        np.ascontiguousarray(part[:, ::-1]).tobytes() for part in moved
    }
    assert {part.numpy().tobytes() for part in batch[:, 0]} == possible


def test_a_black_border_is_padding_and_cutting_out_as_the_literature_does_it() -> None:
    image = torch.arange(1, 25, dtype=torch.uint8).view(1, 2, 3, 4)
    generator = torch.Generator().manual_seed(0)
    batch = augment(image.expand(300, 2, 3, 4), shift=1, mirror=True, border="black", generator=generator)
    possible = set()
    for turned in (image[0].numpy(), image[0].numpy()[:, :, ::-1]):
        padded = np.pad(turned, ((0, 0), (1, 1), (1, 1)))
        possible |= {padded[:, y : y + 3, x : x + 4].tobytes() for y in range(3) for x in range(3)}
    assert batch.dtype == torch.uint8
    assert {part.numpy().tobytes() for part in batch} == possible


@pytest.mark.parametrize("shape", [(1, 28, 28), (1, 8, 8), (3, 32, 32), (1, 5, 7), (1, 29, 27)])
def test_the_zoo_fits_any_image(shape: tuple[int, int, int]) -> None:
    mean, std = (0.5,) * shape[0], (0.5,) * shape[0]
    net = vgg_tiny(shape, 4, width=4, mean=mean, std=std).eval()
    assert net(torch.zeros(2, *shape, dtype=torch.uint8)).shape == (2, 4)


def test_the_zoo_refuses_images_that_are_too_small() -> None:
    with pytest.raises(ValueError, match="too small"):
        vgg_tiny((1, 3, 8), 2, mean=(0.5,), std=(0.5,))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_spec_builds_every_network_of_the_zoo(name: str) -> None:
    spec = ModelSpec((3, 16, 24), 4, 4, (0.5,) * 3, (0.5,) * 3, "binary", name)
    net = spec.build().eval()
    assert net(torch.zeros(2, 3, 16, 24, dtype=torch.uint8)).shape == (2, 4)
    again = ModelSpec(**asdict(spec)).build()
    again.load_state_dict(net.state_dict())


def test_a_spec_of_an_unknown_network_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vgg_small"):
        ModelSpec((1, 8, 8), 4, 4, (0.5,), (0.5,), network="vgg_huge")


@pytest.mark.parametrize("method", ["prune", "tie", "tree-loss"])
def test_bit_ops_that_are_asked_for_are_not_exceeded(method: Method) -> None:
    # 8x8 images, width 8: 16 x 8 x 9 taps on 64 pixels, 16 x 16 x 9 on 16, 32 x 16 x 9 on 16.
    dense = 16 * 8 * 9 * 64 + 16 * 16 * 9 * 16 + 32 * 16 * 9 * 16
    asked = round(0.2 * dense)
    config = TrainConfig("digits", width=8, method=method, bit_ops=asked, epochs=1, threads=1)
    result = train(config)
    layers = [layer for layer in result.net.modules() if isinstance(layer, BinaryConv2d)]
    spent = sum(
        layer_tree(layer).total_distance * pixels for layer, pixels in zip(layers, (64, 16, 16), strict=True)
    )
    assert result.config.cost == pytest.approx(0.2, rel=1e-4)
    assert 0.5 * asked < spent <= asked + (64 + 16 + 16) / 2  # budgets are rounded to a tap a layer


def test_more_bit_ops_than_there_are_is_refused() -> None:
    with pytest.raises(SpanbitError, match="the network has"):
        train(TrainConfig("digits", width=8, bit_ops=10**9, epochs=1, threads=1))
