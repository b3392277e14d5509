"""`spanbit verify` of ONNX and Keras models: what their own runtimes say, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from spanbit.bundle import write_bundle
from spanbit.cli.failure import guard
from spanbit.errors import ExitCode
from spanbit.graph import BinaryConv
from spanbit.importers import explain_file, explain_onnx
from spanbit.passes import compile_graph
from spanbit.sources import onnx_source
from spanbit.targets import load_target
from spanbit.verify import compare_source
from spanbit_deploy.cli.verify import verify

DATA = Path(__file__).parent / "data"
MODELS = {
    "brevitas": (DATA / "onnx" / "brevitas.onnx", {"mean": 128 / 255, "std": 64 / 255}),
    "plain": (DATA / "onnx" / "plain.onnx", {}),
    "bireal": (DATA / "keras" / "bireal.h5", {"mean": 0.4, "std": 0.25}),
    "pixels": (DATA / "keras" / "pixels.keras", {}),
}


def _verified(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, said: Path | None = None, **stored: Any
) -> tuple[int, dict[str, Any], str]:
    """Exit code, JSON and errors of `spanbit verify`; `said` has what a framework said, or `stored` does."""
    path, pixels = MODELS[name]
    with np.load(said or path.with_suffix(".npz")) as archive:
        images = archive["images"]
    graph = explain_file(path.read_bytes(), str(path), **pixels).graph
    bundle, data = folder / "net.spb", said or folder / "net.npz"
    bundle.write_bytes(write_bundle(compile_graph(graph, load_target("rpi4")), images[:1]))
    if said is None:
        np.savez(data, images=images, **stored)
    options = [part for key, number in pixels.items() for part in (f"--{key}", str(number))]
    arguments = [str(path), str(bundle), "--data", str(data), "--json", *options]
    code = guard(lambda: verify.main(arguments, standalone_mode=False), as_json=False, debug=False)
    shown = capsys.readouterr()
    return code, json.loads(shown.out) if shown.out else {}, shown.err


def _by_name(said: dict[str, Any]) -> dict[str, str]:
    return {layer["name"]: layer["what"] for layer in said["layers"]}


def test_a_chain_in_onnx_runtime_is_equal_in_every_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """QONNX's quantisers are no operators of ONNX, and its weights have a scale: it runs all the same."""
    code, said, err = _verified(tmp_path, capsys, "brevitas")
    assert code == 0, err
    assert _by_name(said) == {
        "1": "bits",
        "3": "sums",
        "4.maxpool": "bits",
        "7": "sums",
        "8": "bits",
        "11": "logits",
    }
    assert all(layer["equal"] == layer["total"] > 0 for layer in said["layers"])
    assert said["first_difference"] == said["place_differs_at"] == ""


def test_a_residual_network_in_onnx_runtime_is_near_in_every_layer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, err = _verified(tmp_path, capsys, "plain")
    assert code == 0, err
    assert said["same_class"] == said["images"] and said["place_differs_at"] == ""
    assert set(_by_name(said).values()) == {"bits", "sums", "numbers", "logits"}
    first, sign = said["layers"][:2]
    assert first["what"] == "numbers" and first["equal"] == first["total"]  # in front of the first sign
    assert sign["name"] == said["first_difference"] and sign["equal"] > 0.999 * sign["total"]


def test_the_first_layer_that_differs_is_named() -> None:
    """A model with one filter of its second convolution turned round, against the graph of the other."""
    path, pixels = MODELS["brevitas"]
    data = path.read_bytes()
    explanation = explain_onnx(data, str(path), **pixels)
    model = onnx.load_from_string(data)
    second = [node for node in model.graph.node if node.op_type == "Conv"][2]
    made = {name: node for node in model.graph.node for name in node.output}
    quantiser = made[second.input[1]]
    (weight,) = (part for part in model.graph.initializer if part.name == quantiser.input[0])
    numbers = numpy_helper.to_array(weight).copy()
    numbers[0] *= -1
    weight.CopyFrom(numpy_helper.from_array(numbers, weight.name))
    scale, bias = np.float32(255 / 64 / 255), np.float32(-128 / 64)
    changed = onnx_source(model.SerializeToString(), str(path), explanation, lambda x: x * scale + bias)
    with np.load(path.with_suffix(".npz")) as archive:
        agreement = compare_source(changed, explanation.graph, archive["images"])
    convs = [op.name for op in explanation.graph.ops if isinstance(op, BinaryConv)]
    assert agreement.first_difference == convs[1]


def test_layers_that_larq_stored_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, err = _verified(tmp_path, capsys, "pixels", DATA / "keras" / "pixels.layers.npz")
    assert code == 0, err
    assert _by_name(said) == {"max_pooling2d": "bits", "quant_conv2d": "sums", "quant_dense": "logits"}
    assert all(layer["equal"] == layer["total"] > 0 for layer in said["layers"])
    code, said, err = _verified(tmp_path, capsys, "bireal", DATA / "keras" / "bireal.layers.npz")
    assert code == 0, err
    names = _by_name(said)
    assert {"batch_normalization", "p_re_lu", "add_2", "global_average_pooling2d"} <= set(names)
    assert names["quant_conv2d_2.sign"] == "bits" and names["quant_conv2d_2"] == "sums"
    # A batch-norm behind the stem: numbers in fixed point, before any bit could turn.
    first = said["layers"][0]
    assert first["name"] == said["first_difference"] and first["largest"] < 0.001


def test_a_stored_layer_that_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(DATA / "keras" / "pixels.layers.npz") as archive:
        stored = {name: archive[name] for name in archive}
    stored["layer/quant_conv2d"] = stored["layer/quant_conv2d"] + 2
    path = tmp_path / "changed.npz"
    np.savez(path, **stored)
    _, said, _ = _verified(tmp_path, capsys, "pixels", path)
    assert said["first_difference"] == "quant_conv2d"
    stored["layer/quant_conv2d"] = stored["layer/quant_conv2d"][:1]
    np.savez(path, **stored)
    code, _, err = _verified(tmp_path, capsys, "pixels", path)
    assert code == ExitCode.BAD_INPUT and "1 rows of layer/quant_conv2d for 2 images" in err


def test_stored_logits_alone_stand_for_a_model_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with np.load(MODELS["pixels"][0].with_suffix(".npz")) as archive:
        outputs = archive["outputs"]
    code, said, err = _verified(tmp_path, capsys, "pixels", logits=outputs)
    assert code == 0, err
    assert _by_name(said) == {"quant_dense": "logits"} and said["first_difference"] == ""
    code, _, err = _verified(tmp_path, capsys, "pixels")
    assert code == ExitCode.BAD_INPUT and "keras_layers.py" in err  # nothing here runs it
