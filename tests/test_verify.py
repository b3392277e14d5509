"""`spanbit verify`: a model, its bundle, and a place, compared layer by layer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from spanbit.bundle import read_bundle, write_bundle
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode
from spanbit.importers import from_torch
from spanbit.nn.binary import BinaryConv2d
from spanbit.nn.checkpoint import ModelSpec, save_checkpoint
from spanbit.passes import compile_graph
from spanbit.sources import torch_source
from spanbit.targets import load_target
from spanbit.verify import compare_runtime, compare_source
from spanbit_deploy.cli.verify import verify

SHAPE, CLASSES, COUNT = (1, 16, 16), 10, 6


def _spec(network: str, width: int) -> ModelSpec:
    return ModelSpec(
        network=network, input_shape=SHAPE, classes=CLASSES, width=width, mean=(0.4,), std=(0.3,)
    )


def _make(folder: Path, network: str, width: int) -> tuple[Path, Path]:
    """A network whose batch-norms have seen images, its checkpoint, its bundle, images beside it."""
    torch.manual_seed(1)
    spec = _spec(network, width)
    net = spec.build()
    images = np.random.default_rng(2).integers(0, 256, (COUNT, 16, 16, 1)).astype(np.uint8)
    with torch.no_grad():
        net.train()
        net(torch.from_numpy(images).permute(0, 3, 1, 2))
    model, bundle = folder / f"{network}.pt", folder / f"{network}.spb"
    save_checkpoint(model, net.eval(), spec, {})
    compiled = compile_graph(from_torch(net, SHAPE), load_target("rpi4"))
    bundle.write_bytes(write_bundle(compiled, images[:1]))
    np.savez(bundle.with_suffix(".test.npz"), images=images, labels=np.zeros(COUNT, np.int64))
    return model, bundle


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = guard(lambda: verify.main(list(arguments), standalone_mode=False), as_json=False, debug=False)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("on", ["host", "emulated:rpi2"])
def test_a_chain_is_equal_in_every_layer(tmp_path: Path, on: str, capsys: pytest.CaptureFixture[str]) -> None:
    model, bundle = _make(tmp_path, "vgg_tiny", 8)
    code, out, err = _run(capsys, str(model), str(bundle), "--on", on, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert (said["same_class"], said["images"]) == (COUNT, COUNT)
    assert said["first_difference"] == said["place_differs_at"] == ""
    assert {layer["what"] for layer in said["layers"]} == {"sums", "bits", "logits"}
    assert all(layer["equal"] == layer["total"] > 0 for layer in said["layers"])


def test_a_residual_network_says_how_near_its_numbers_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, bundle = _make(tmp_path, "resnet20", 4)
    code, out, err = _run(capsys, str(model), str(bundle), "--agree", "0.5", "--json")
    assert code == 0, err
    said = json.loads(out)
    assert said["place_differs_at"] == ""
    numbers = [layer for layer in said["layers"] if layer["what"] == "numbers"]
    assert numbers and numbers[0]["equal"] == numbers[0]["total"]  # in front of the first sign


def test_a_folder_of_images_and_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, bundle = _make(tmp_path, "vgg_tiny", 8)
    folder = tmp_path / "photos" / "cats"
    folder.mkdir(parents=True)
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (20, 30, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    code, out, err = _run(capsys, str(model), str(bundle), "--data", str(tmp_path / "photos"))
    assert code == 0, err
    assert "3 of 3 images have the same class" in " ".join(out.split())
    (folder / "3.png").write_text("no image")
    code, _, err = _run(capsys, str(model), str(bundle), "--data", str(tmp_path / "photos"))
    assert code == ExitCode.BAD_INPUT and "3.png" in err


def test_a_bundle_of_another_network_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, _ = _make(tmp_path, "vgg_tiny", 8)
    _, other = _make(tmp_path, "resnet20", 4)
    code, _, err = _run(capsys, str(model), str(other))
    assert code == ExitCode.BAD_INPUT and "not compiled from this model" in err


def test_the_first_layer_that_differs_is_named(tmp_path: Path) -> None:
    """A graph with one weight of the second convolution changed, against the network that it came from."""
    torch.manual_seed(3)
    net = _spec("vgg_tiny", 8).build()
    images = np.random.default_rng(2).integers(0, 256, (COUNT, 16, 16, 1)).astype(np.uint8)
    with torch.no_grad():
        net.train()
        net(torch.from_numpy(images).permute(0, 3, 1, 2))
    graph = from_torch(net.eval(), SHAPE)
    convs = [name for name, layer in net.named_modules() if isinstance(layer, BinaryConv2d)]
    changed = net.get_submodule(convs[1])
    assert isinstance(changed, BinaryConv2d)
    with torch.no_grad():
        changed.weight[0] *= -1
    agreement = compare_source(torch_source(net, graph), graph, images)
    assert agreement.first_difference == convs[1]


def test_kernels_that_differ_from_the_reference_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is changed, since the kernels are right: the comparison must see it."""
    _, bundle = _make(tmp_path, "resnet20", 4)
    data = bundle.read_bytes()
    images = np.load(bundle.with_suffix(".test.npz"))["images"][:1]
    assert compare_runtime(data, images) == ""
    from spanbit.reference import run as reference

    honest = reference.add
    monkeypatch.setattr(reference, "add", lambda one, other: honest(one, other) + np.int16(1))
    first = next(layer for layer in read_bundle(data).compiled.layers if layer.add is not None)
    assert compare_runtime(data, images) == first.op.name
