"""ONNX models that PyTorch and Brevitas wrote: the graph gives the logits that PyTorch had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from spanbit.cli.main import main
from spanbit.errors import ExitCode, SpanbitError
from spanbit.graph.ops import Add, BinaryConv, Graph, Head, Output, RealHead, StemConv
from spanbit.importers import explain_file, explain_onnx, from_onnx
from spanbit.reference import run_graph

DATA = Path(__file__).parent / "data" / "onnx"
NORMALISED = {"mean": (128 / 255,), "std": (64 / 255,)}


def logits(graph: Graph, images: Any) -> Any:
    return np.stack([run_graph(graph, image)[-1].reshape(-1) for image in images])


def test_a_chain_of_brevitas_gives_its_logits() -> None:
    graph = from_onnx((DATA / "brevitas.onnx").read_bytes(), "brevitas.onnx", **NORMALISED)
    kinds = [type(op).__name__ for op in graph.ops]
    assert kinds == [
        "StemConv",
        "Threshold",
        "BinaryConv",
        "Threshold",
        "MaxPool",
        "BinaryConv",
        "Threshold",
        "Head",
    ]
    assert graph.ops[2].name == "3"  # the module's place, which the exporter keeps
    with np.load(DATA / "brevitas.npz") as made:
        assert np.allclose(logits(graph, made["images"]), made["logits"], atol=1e-5)


def test_a_residual_network_of_pytorch_is_within_its_bounds() -> None:
    explanation = explain_onnx((DATA / "plain.onnx").read_bytes(), "plain.onnx")
    graph = explanation.graph
    assert isinstance(graph.ops[0], StemConv) and isinstance(graph.ops[-1], RealHead)
    assert sum(isinstance(op, Add) for op in graph.ops) == 2
    with np.load(DATA / "plain.npz") as made:
        ours, theirs = logits(graph, made["images"]), made["logits"]
    off = np.abs(ours - theirs)
    # A sign may turn where a shortcut is within its error of zero: for most of these images none does.
    assert explanation.logits is not None
    assert ((off <= explanation.logits).all(axis=1)).mean() >= 0.75
    assert (np.argmax(ours, axis=1) == np.argmax(theirs, axis=1)).all()


def test_a_file_is_read_by_its_suffix() -> None:
    data = (DATA / "plain.onnx").read_bytes()
    assert explain_file(data, "folder/plain.onnx").graph.name == "plain"
    with pytest.raises(SpanbitError, match="checkpoint"):
        explain_file(data, "plain.pt")
    with pytest.raises(SpanbitError, match="not an ONNX model"):
        explain_file(b"nonsense", "plain.onnx")


def model(nodes: list[Any], weights: dict[str, Any], shape: tuple[int, ...] = (1, 2, 6, 6)) -> bytes:
    """x [1, 2, 6, 6] through an int8 stem, then `nodes`; the last gives y."""
    stem = np.ones((3, shape[1], 1, 1), np.float32)
    weights = {"stem": stem, **weights}
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "stem"], ["s"], name="stem"), *nodes],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "columns"])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString())


def node(kind: str, *inputs: str, output: str = "y", **attributes: Any) -> Any:
    return helper.make_node(kind, list(inputs), [output], name=f"the.{kind}", **attributes)


SIGN = node("Sign", "s", output="b")
WEIGHT = np.sign(np.random.default_rng(0).normal(size=(4, 3, 3, 3))).astype(np.float32)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Sign", "s", output="b")],
        [
            node("GreaterOrEqual", "s", "zero", output="g"),
            node("Where", "g", "one", "minus", output="b"),
        ],
        [
            node("Greater", "s", "zero", output="g"),
            node("Cast", "g", output="f", to=TensorProto.FLOAT),
            node("Mul", "f", "two", output="d"),
            node("Sub", "d", "one", output="b"),
        ],
        [helper.make_node("BipolarQuant", ["s", "four"], ["b"], domain="qonnx.custom_op.general")],
    ],
    ids=["Sign", "Where", "Cast", "BipolarQuant"],
)
def test_a_sign_in_any_spelling(nodes: list[Any]) -> None:
    scalars = {"zero": np.float32(0), "one": np.float32(1), "minus": np.float32(-1), "two": np.float32(2)}
    scalars["four"] = np.float32(4)
    weights = {"w": np.full((4, 3, 3, 3), 0.5, np.float32) * WEIGHT, **scalars}
    half = node("Conv", "b", "w", pads=[1, 1, 1, 1])
    graph = from_onnx(model([*nodes, half], weights), "made.onnx")
    conv, output = graph.ops[2:]
    assert isinstance(conv, BinaryConv) and np.array_equal(conv.weight, WEIGHT)
    assert isinstance(output, Output) and output.scale is not None
    bipolar = nodes[0].op_type == "BipolarQuant"
    assert output.scale.tolist() == [2.0 if bipolar else 0.5] * 4


def test_one_number_normalises_all_channels() -> None:
    data = model([SIGN, node("Conv", "b", "w")], {"w": WEIGHT})
    one = from_onnx(data, "made.onnx", mean=0.5, std=(0.25,))
    each = from_onnx(data, "made.onnx", mean=(0.5, 0.5), std=(0.25, 0.25))
    image = np.random.default_rng(0).integers(0, 256, (6, 6, 2)).astype(np.uint8)
    for ours, theirs in zip(run_graph(one, image), run_graph(each, image), strict=True):
        assert np.array_equal(ours, theirs)
    with pytest.raises(SpanbitError, match="for 2 channels"):
        from_onnx(data, "made.onnx", mean=(0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("weight", "pads", "mean", "says"),
    [
        ([[1, -1], [-1, 1]], 0, 0.5, "weights as they are"),
        ([[90, -8], [3, 0]], 0, 0.5, "weights as they are"),
        ([[90, -8.5], [3, 0]], 0, 0.5, "weights rounded to int8, one scale a channel"),
        ([[1, -1], [-1, 1]], 1, 0, "weights as they are"),
        (
            [[1, -1], [-1, 1]],
            1,
            0.5,
            "pixels outside the image rounded, one a channel: 128 for 127.5, 128 for 127.5",
        ),
    ],
)
def test_what_a_stem_loses_is_said_and_nothing_else(
    weight: list[list[float]], pads: int, mean: float, says: str
) -> None:
    stem = 0.01 * np.array(weight, np.float32).reshape(2, 2, 1, 1).repeat(3, 2).repeat(3, 3)
    nodes = [
        node("Conv", "x", "w1", output="c", pads=[pads] * 4),
        node("Sign", "c", output="b"),
        node("Conv", "b", "w2"),
    ]
    weights = {"w1": stem, "w2": WEIGHT[:, :2]}
    explanation = explain_onnx(model(nodes, weights), "made.onnx", mean=mean, std=1)
    (line,) = (line for line in explanation.lines if line.operator == "as StemConv")
    assert line.detail == says
    kept = explanation.graph.ops[0]
    assert isinstance(kept, StemConv)
    if says == "weights as they are":
        assert np.array_equal(np.sign(kept.weight), np.sign(stem))
        whole = np.array(weight) / np.gcd.reduce(np.array(weight, np.int64), axis=1)[:, None]
        assert np.array_equal(kept.weight[:, :, 0, 0], whole)


def test_weights_may_be_calculated() -> None:
    weights = {"w": 0.3 * WEIGHT.reshape(4, -1)[:, :12].T, "shape": np.array([1, -1]), "scale": np.float32(2)}
    nodes = [
        node("MaxPool", "s", output="p", kernel_shape=[3, 3], strides=[3, 3]),
        node("Sign", "p", output="b"),
        node("Reshape", "b", "shape", output="f"),
        node("Sign", "w", output="ws"),
        node("Mul", "ws", "scale", output="w2"),
        node("MatMul", "f", "w2"),
    ]
    head = from_onnx(model(nodes, weights), "made.onnx").ops[-1]
    assert isinstance(head, Head) and head.scale.tolist() == [2.0] * 4
    assert np.array_equal(head.weight, WEIGHT.reshape(4, -1)[:, :12])


@pytest.mark.parametrize(
    ("nodes", "where", "says"),
    [
        ([node("Conv", "s", "w")], "the.Conv", "not bits"),
        (
            [node("Sign", "s", output="b"), node("Conv", "b", "w", auto_pad="SAME_UPPER")],
            "the.Conv",
            "auto_pad",
        ),
        ([node("Sign", "s", output="b"), node("Conv", "b", "w", pads=[0, 0, 1, 1])], "the.Conv", "differs"),
        ([node("LSTM", "s", "w", "w")], "the.LSTM", "no such operator"),
        ([node("Transpose", "s", perm=[0, 2, 3, 1])], "the.Transpose", "no such operator"),
        ([node("Sigmoid", "s")], "the.Sigmoid", "no such operator"),
        ([node("Tanh", "s")], "the.Tanh", "no operator|ends here"),
        ([node("Mul", "s", "pixels")], "the.Mul", "one number a channel"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(nodes: list[Any], where: str, says: str) -> None:
    weights = {"w": WEIGHT, "pixels": np.ones((1, 3, 6, 6), np.float32) * 2}
    with pytest.raises(SpanbitError, match=says) as caught:
        from_onnx(model(nodes, weights), "made.onnx")
    assert caught.value.code == ExitCode.UNSUPPORTED_MODEL
    assert caught.value.where == f"layer {where}"
    assert caught.value.fix or caught.value.why


@pytest.mark.parametrize("sign", ["Sign", "BipolarQuant"])
def test_signs_may_stand_behind_the_flattening(sign: str) -> None:
    domain = {"domain": "qonnx.custom_op.general"} if sign == "BipolarQuant" else {}
    inputs = ["c", "one"] if sign == "BipolarQuant" else ["c"]
    nodes = [
        node("Flatten", "s", output="f"),
        node("Clip", "f", "minus", "one", output="c"),
        helper.make_node(sign, inputs, ["b"], **domain),
        node("MatMul", "b", "w"),
    ]
    weights = {"w": np.sign(np.random.default_rng(1).normal(size=(108, 4))).astype(np.float32)}
    weights |= {"one": np.float32(1), "minus": np.float32(-1)}
    graph = from_onnx(model(nodes, weights), "made.onnx")
    head = graph.ops[-1]
    assert [type(op).__name__ for op in graph.ops] == ["StemConv", "Threshold", "Head"]
    assert isinstance(head, Head) and np.array_equal(head.weight, weights["w"].T)


def test_numbers_of_single_pixels_behind_the_flattening_are_refused() -> None:
    nodes = [node("Flatten", "s", output="f"), node("Add", "f", "each", output="a"), node("Sign", "a")]
    with pytest.raises(SpanbitError, match="numbers of its own for every pixel"):
        from_onnx(model(nodes, {"each": np.arange(108, dtype=np.float32)}), "made.onnx")


def test_activations_of_more_bits_are_refused() -> None:
    names = ["s", "scale", "zero", "width"]
    quant = helper.make_node("Quant", names, ["y"], name="q", domain="qonnx.custom_op.general")
    weights = {"scale": np.float32(0.1), "zero": np.float32(0), "width": np.float32(4)}
    with pytest.raises(SpanbitError, match="4 bits"):
        from_onnx(model([quant], weights), "made.onnx")


def test_the_input_must_be_an_image() -> None:
    with pytest.raises(SpanbitError, match="N, channels, rows, columns"):
        from_onnx(model([node("Sign", "s")], {}, (1, 2, 6)), "made.onnx")


def test_weights_in_another_file_are_told(tmp_path: Path) -> None:
    whole = onnx.load(DATA / "plain.onnx")
    path = tmp_path / "apart.onnx"
    onnx.save_model(whole, str(path), save_as_external_data=True, size_threshold=16)
    with pytest.raises(SpanbitError, match="another file"):
        from_onnx(path.read_bytes(), "apart.onnx")


def test_an_onnx_file_is_compiled_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "brevitas.onnx"
    path.write_bytes((DATA / "brevitas.onnx").read_bytes())
    with np.load(DATA / "brevitas.npz") as made:
        np.savez(tmp_path / "brevitas.test.npz", images=made["images"], labels=np.zeros(8, np.int64))
    options = ["--mean", str(128 / 255), "--std", str(64 / 255), "--explain"]
    with pytest.raises(SystemExit) as stop:
        main(["compile", str(path), *options])
    assert not stop.value.code
    assert "2.act_quant.export_handler (BipolarQuant): kept as Threshold" in capsys.readouterr().out
    assert (tmp_path / "brevitas.spb").stat().st_size > 0
    with pytest.raises(SystemExit) as stop:
        main(["compile", str(path), "--mean", "a,b"])
    assert stop.value.code == ExitCode.USAGE
    code = "import sys, spanbit.importers.onnx_model; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
