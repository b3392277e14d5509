"""Models that Larq wrote: what is read equals what Larq says, without TensorFlow (data/keras/make.py)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from real_values import run_values
from spanbit.bundle import write_bundle
from spanbit.graph import BinaryConv, KernelKind, MaxPool, StemConv, Threshold
from spanbit.importers import explain_file, explain_keras, from_keras
from spanbit.importers.keras import values_of
from spanbit.importers.keras.file import read_keras
from spanbit.importers.lower import lower
from spanbit.importers.values import Ordered, Sign, Value, in_order
from spanbit.passes import compile_graph
from spanbit.reference import run_graph
from spanbit.runtime import Model, isas
from spanbit.targets import load_target
from test_importer_keras_refusals import changed

FOLDER = Path(__file__).resolve().parent / "data" / "keras"
EXACT = ["vgg.h5", "padded.keras", "pixels.keras"]
IN_FIXED_POINT = ["bireal.h5", "birealnet.keras", "dense.keras", "odd.h5"]
FLOAT32 = 3e-6
"""What Larq's own float32 is off, in units of the largest output."""

Floats = NDArray[np.float64]


class Larq:
    """One of the models, and what Larq's own run made of the images."""

    def __init__(self, name: str) -> None:
        self.path = FOLDER / name
        with np.load(FOLDER / f"{name.partition('.')[0]}.npz") as archive:
            self.images, self.outputs = archive["images"], archive["outputs"].astype(np.float64)
            self.scale: dict[str, Any] = {
                key: float(archive[key]) for key in ("mean", "std") if key in archive
            }
        self.end, _ = values_of(read_keras(self.path.read_bytes(), str(self.path)), **self.scale)
        self.is_softmax = isinstance(self.end.step, Ordered)

    def in_its_units(self, logits: Floats) -> Floats:
        """Logits [O] as the model's outputs."""
        powers = np.exp(logits - logits.max())
        return powers / powers.sum() if self.is_softmax else logits


@pytest.mark.parametrize("name", EXACT + IN_FIXED_POINT)
def test_what_is_read_calculates_what_larq_calculates(name: str) -> None:
    larq = Larq(name)
    for image, theirs in zip(larq.images, larq.outputs, strict=True):
        ours = larq.in_its_units(run_values(larq.end, image).ravel())
        assert np.abs(ours - theirs).max() <= FLOAT32 * np.abs(theirs).max()
    assert larq.outputs.std(axis=0).max() > 0.05 * np.abs(larq.outputs).max()  # images do differ


@pytest.mark.parametrize("name", EXACT)
def test_a_network_without_numbers_is_exact(name: str) -> None:
    larq = Larq(name)
    explanation = explain_keras(larq.path, **larq.scale)
    assert not explanation.reals and explanation.logits is None
    for image, theirs in zip(larq.images, larq.outputs, strict=True):
        ours = larq.in_its_units(run_graph(explanation.graph, image)[-1].astype(np.float64))
        assert np.abs(ours - theirs).max() <= FLOAT32 * np.abs(theirs).max()


@pytest.mark.parametrize("name", IN_FIXED_POINT)
def test_numbers_in_fixed_point_are_within_their_bounds(name: str) -> None:
    """Given the graph's bits; a bit may differ only where its number is nearer to zero than its bound."""
    larq = Larq(name)
    explanation = explain_keras(larq.path, **larq.scale)
    graph, reals = explanation.graph, explanation.reals
    made_by = {value: fate.draft for value, fate in lower(larq.end).fates.items()}
    turned = 0
    for image in larq.images:
        outputs = run_graph(graph, image)

        def bits(sign: Value, numbers: Floats, outputs: list[NDArray[Any]] = outputs) -> Floats:
            nonlocal turned
            at = made_by[sign]
            assert at is not None and isinstance(graph.ops[at], Threshold)
            ours = np.where(outputs[at], 1.0, -1.0)
            differs = ours != np.where(numbers >= 0, 1.0, -1.0)
            (source,) = graph.sources[at]
            bound = reals[source].error[:, None, None] if source in reals else 0.0
            assert (np.abs(numbers) <= bound + 1e-6)[differs].all()
            turned += int(differs.sum())
            return ours

        theirs = run_values(larq.end, image, bits).ravel()
        assert explanation.logits is not None
        assert (np.abs(outputs[-1] - theirs) <= explanation.logits + 1e-5).all()
    signs = sum(value.shape.channels for value in in_order(larq.end) if isinstance(value.step, Sign))
    assert turned < signs  # of all bits of all images: few
    assert explanation.logits is not None and explanation.logits.max() < 0.1 * np.abs(theirs).max()


@pytest.mark.parametrize("name", ["bireal", "odd"])
def test_both_formats_say_the_same(name: str) -> None:
    larq = Larq(f"{name}.h5")
    graphs = [from_keras(FOLDER / f"{name}{suffix}", **larq.scale) for suffix in (".h5", ".keras")]
    bundles = [write_bundle(compile_graph(graph, load_target("host")), larq.images[:1]) for graph in graphs]
    assert bundles[0] == bundles[1]


@pytest.mark.parametrize("isa", isas())
@pytest.mark.parametrize(
    ("name", "kernel"),
    [(name, kernel) for name in EXACT for kernel in KernelKind] + [(name, None) for name in IN_FIXED_POINT],
)
def test_the_runtime_gives_the_same(name: str, kernel: KernelKind | None, isa: str) -> None:
    larq = Larq(name)
    graph = from_keras(larq.path, **larq.scale)
    model = Model(write_bundle(compile_graph(graph, load_target("host"), kernel), larq.images[:4]), isa)
    model.check_golden()
    for image in larq.images:
        np.testing.assert_array_equal(model.run(image), run_graph(graph, image)[-1])


def test_kernels_padded_to_one_padding_have_zero_taps() -> None:
    graph = from_keras(FOLDER / "padded.keras")
    weights = [op.weight for op in graph.ops if isinstance(op, BinaryConv)]
    # 3x3 in groups; 3x3 with stride 2 of even sides; 2x3 with stride 2; 3x3 with a dilation of 2.
    assert [weight.shape[2:] for weight in weights] == [(3, 3), (4, 4), (3, 4), (5, 5)]
    # The first row and column of a window that is padded behind only.
    assert not weights[1][:, :, 0].any() and not weights[1][:, :, :, 0].any()


def test_a_functional_model_of_a_class_of_its_own_is_read() -> None:
    """As larq_zoo's BinaryDenseNet: the class has a name, layers and calls are in the file all the same."""
    larq = Larq("odd.keras")
    data = changed("odd.keras", lambda config: config.update(class_name="MyModel"))
    named = explain_file(data, "odd.keras", **larq.scale)
    assert str(named) == str(explain_file(larq.path.read_bytes(), "odd.keras", **larq.scale))


def test_windows_that_leave_the_image_need_no_larger_kernel() -> None:
    """TensorFlow's "same" on even sides, 7x7 and 3x3 with strides of 2, as in larq_zoo's BiRealNet."""
    stem, _, pool, *rest = from_keras(FOLDER / "birealnet.keras", mean=0, std=1).ops
    assert isinstance(stem, StemConv) and stem.weight.shape[2:] == (7, 7)
    assert (stem.padding, stem.ceil) == (2, True)
    assert isinstance(pool, MaxPool) and (pool.kernel, pool.padding, pool.ceil) == (3, 0, True)
    assert {op.weight.shape[2:] for op in rest if isinstance(op, BinaryConv)} == {(3, 3), (4, 4)}


def test_neither_tensorflow_nor_torch_is_needed() -> None:
    code = (
        "import sys\nfrom spanbit.importers import from_keras\n"
        f"graph = from_keras({str(FOLDER / 'vgg.h5')!r}, mean=0.5, std=0.5)\n"
        "assert graph.name == 'vgg' and not {'tensorflow', 'keras', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_file_is_known_by_what_it_holds() -> None:
    larq = Larq("bireal.keras")
    explanation = explain_file(larq.path.read_bytes(), "renamed.bin", **larq.scale)
    assert explanation.graph.name == "renamed"
    lines = str(explanation).splitlines()
    assert any(line.startswith("quick/quant_conv2d (QuantConv2D): kept as BinaryConv") for line in lines)


def test_the_page_names_every_layer_that_is_read() -> None:
    page = (FOLDER.parents[2] / "docs" / "import-keras.md").read_text()
    source = (FOLDER.parents[2] / "sdk/spanbit/importers/keras/layers.py").read_text()
    for name in re.findall(
        r'"([A-Z]\w+)"', source.partition("match layer.kind:")[2].partition("return self._refuse")[0]
    ):
        assert f"`{name}`" in page, name
