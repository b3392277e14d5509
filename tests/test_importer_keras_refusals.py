"""What is not read is refused by its path, the reason and what works: Larq's files, changed in one place."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spanbit.errors import ExitCode, SpanbitError
from spanbit.importers import explain_file, explain_keras, from_keras
from spanbit.importers.keras import explain_keras_bytes

FOLDER = Path(__file__).resolve().parent / "data" / "keras"
Config = dict[str, Any]
BIREAL = {"mean": 0.4, "std": 0.25}


def _layers(config: Config) -> list[Config]:
    """All layers of a model and of those inside it."""
    found = []
    for layer in config["config"]["layers"]:
        found += [layer, *(_layers(layer) if layer["class_name"] in ("Sequential", "Functional") else [])]
    return found


def changed(name: str, change: Callable[[Config], None]) -> bytes:
    """The bytes of a .keras file whose configuration is changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(FOLDER / name) as archive, zipfile.ZipFile(made, "w") as copy:
        for entry in archive.namelist():
            data = archive.read(entry)
            if entry == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            copy.writestr(entry, data)
    return made.getvalue()


def refusal(name: str, layer: str, options: Config, kind: str = "") -> SpanbitError:
    """The error for a model of which one layer has other options, or another class."""

    def change(config: Config) -> None:
        (found,) = (each for each in _layers(config) if each["config"]["name"] == layer)
        found["config"].update(options)
        if kind:
            found["class_name"] = kind

    return refused(changed(name, change), **(BIREAL if name.startswith("bireal") else {}))


def refused(data: bytes, **scale: float) -> SpanbitError:
    """The error for a file, which speaks of Keras alone."""
    with pytest.raises(SpanbitError) as caught:
        explain_keras_bytes(data, "file", **scale)
    for word in (" nn.", "torch", "PyTorch"):
        assert word not in str(caught.value)
    return caught.value


HEAVISIDE = {"class_name": "SteHeaviside", "config": {"name": "x", "clip_value": 1.0}}
DOREFA = {"class_name": "DoReFa", "config": {"name": "x", "k_bit": 2, "mode": "weights"}}


OPTIONS: list[tuple[str, Config, str, str]] = [
    ("padded/quant_conv2d_1", {"data_format": "channels_first"}, "channels_first", "channels_last"),
    ("padded/quant_conv2d_1", {"strides": [1, 2]}, "strides are 1 and 2", "strides=1"),
    ("padded/quant_conv2d_1", {"strides": [3, 3]}, "strides are 3", "strides=2"),
    ("padded/quant_conv2d_1", {"padding": "same", "pad_values": -1.0}, "-1 what 'zero_padding2d_1'", "once"),
    ("padded/quant_conv2d_2", {"pad_values": 0.5}, "pad_values are 0.5", "0, 1 or -1"),
    ("padded/quant_conv2d_3", {"dilation_rate": [4, 4]}, "9x9", "7x7"),
    ("padded/quant_conv2d_3", {"padding": "weird"}, "'weird'", "'same' or 'valid'"),
    ("padded/quant_conv2d_2", {"input_quantizer": HEAVISIDE}, "SteHeaviside does not give bits", "ste_sign"),
    ("padded/quant_conv2d_2", {"kernel_quantizer": DOREFA}, "DoReFa", "magnitude_aware_sign"),
    ("padded/quant_conv2d_2", {"kernel_quantizer": None}, "its kernel is not", "kernel_quantizer"),
    ("padded/quant_conv2d_2", {"input_quantizer": None}, "numbers that are not bits", "input_quantizer"),
    ("padded/quant_conv2d_2", {"activation": "tanh"}, "tanh has no operator", "hard_tanh"),
    ("padded/logits", {"kernel_quantizer": DOREFA}, "DoReFa", "ste_tern"),
    ("padded/batch_normalization_1", {"axis": [1]}, "axis is [1]", "axis at -1"),
    ("padded/batch_normalization_1", {"renorm": True}, "renorm", "False"),
    ("padded/zero_padding2d_1", {"data_format": "channels_first"}, "channels_first", "channels_last"),
    ("dense/max_pooling2d", {"strides": [1, 1], "padding": "same"}, "0 above, 1 below", "valid"),
    ("dense/max_pooling2d", {"pool_size": [3, 2]}, "3x2", "one number"),
    ("dense/max_pooling2d", {"strides": [3, 3]}, "strides 3", "up to it"),
    ("dense/average_pooling2d", {"pool_size": 3, "strides": 1, "padding": "same"}, "1 above", "valid"),
    ("dense/concatenate", {"axis": 1}, "along axis 1", "axis=-1"),
    ("dense/pixels", {"invert": True}, "invert", "Rescaling"),
    ("odd/re_lu", {"threshold": 0.5}, "threshold is 0.5", "0"),
    ("odd/reshape", {"target_shape": [2, 6]}, "[2, 6]", "Flatten"),
    ("odd/tf.concat", {"function": "math.floor"}, "of TensorFlow's functions", "layer of Keras"),
    ("odd/conv2d", {"activation": "elu"}, "elu has no operator", "relu"),
]


@pytest.mark.parametrize(("place", "options", "why", "fix"), OPTIONS)
def test_options(place: str, options: Config, why: str, fix: str) -> None:
    name, _, layer = place.partition("/")
    error = refusal(f"{name}.keras", layer, options)
    assert error.code is ExitCode.UNSUPPORTED_MODEL
    assert error.where.startswith("layer ") and error.where.endswith(layer)
    assert why in error.why and fix in error.fix


def test_the_page_shows_a_refusal() -> None:
    page = (FOLDER.parents[2] / "docs" / "import-keras.md").read_text()
    error = refusal("padded.keras", "quant_conv2d_2", {"input_quantizer": HEAVISIDE})
    for line in (f"error: {error.what}", f"where: {error.where}", f"why: {error.why}", f"fix: {error.fix}"):
        assert f"{line}\n" in page


@pytest.mark.parametrize(
    ("name", "layer", "kind", "fix"),
    [
        ("dense", "max_pooling2d", "UpSampling2D", "MaxPool2D"),
        ("dense", "conv2d_1", "Conv2DTranspose", "QuantConv2D"),
        ("odd", "spatial_dropout2d", "LayerNormalization", "BatchNormalization"),
        ("odd", "leaky_re_lu", "Lambda", "never run"),
        ("padded", "quant_conv2d_1", "QuantSeparableConv2D", "QuantDepthwiseConv2D"),
        ("bireal", "add_1", "Multiply", "Add"),
    ],
)
def test_layers(name: str, layer: str, kind: str, fix: str) -> None:
    error = refusal(f"{name}.keras", layer, {}, kind)
    assert f"unsupported layer of type {kind}" in error.what and error.where.endswith(layer)
    assert fix in error.fix


def _edit(name: str, change: Callable[[Config], None], **scale: float) -> SpanbitError:
    return refused(changed(name, change), **scale)


def test_a_model_with_code_of_its_own() -> None:
    error = _edit("odd.keras", lambda config: config.update(class_name="MyModel", config={"name": "odd"}))
    assert "MyModel" in error.what and "tf.keras.Sequential" in error.fix


def test_two_outputs() -> None:
    error = _edit("odd.keras", lambda config: config["config"]["output_layers"].append(["re_lu", 0, 0]))
    assert "1 inputs and 2 outputs" in error.why and "one output" in error.fix


def test_an_image_of_unknown_size() -> None:
    def change(config: Config) -> None:
        config["config"]["layers"][0]["config"]["batch_input_shape"] = [None, None, None, 3]

    error = _edit("odd.keras", change)
    assert "(?, ?, 3)" in error.why and "(height, width, channels)" in error.fix


def test_an_end_in_a_map_says_what_may_end_it() -> None:
    def change(config: Config) -> None:
        config["config"]["output_layers"] = [["re_lu", 0, 0]]

    error = _edit("odd.keras", change)
    assert error.where == "layer re_lu" and "Dense or QuantDense behind Flatten" in error.fix


def test_a_layer_behind_softmax() -> None:
    def change(config: Config) -> None:
        (layer,) = (each for each in _layers(config) if each["config"]["name"] == "re_lu")
        layer.update(class_name="Softmax", config={"name": "re_lu", "axis": -1})

    error = _edit("odd.keras", change)
    assert "behind 're_lu', which ends a network" in error.why and "last layer" in error.fix


def test_zeros_that_no_convolution_takes() -> None:
    def change(config: Config) -> None:
        (layer,) = (each for each in _layers(config) if each["config"]["name"] == "re_lu")
        layer.update(class_name="ZeroPadding2D")
        layer["config"].update(padding=[[1, 1], [1, 1]], data_format="channels_last")
        (pool,) = (each for each in _layers(config) if each["config"]["name"] == "conv2d")
        pool.update(class_name="MaxPooling2D")
        pool["config"].update(pool_size=[2, 2], strides=[2, 2])

    error = _edit("odd.keras", change)
    assert error.where.endswith("conv2d") and "'re_lu', a ZeroPadding2D" in error.why


def test_padding_that_takes_too_large_a_window() -> None:
    def change(config: Config) -> None:
        (layer,) = (each for each in _layers(config) if each["config"]["name"] == "zero_padding2d")
        layer["config"]["padding"] = [[2, 1], [0, 3]]

    error = _edit("padded.keras", change)
    assert error.where == "layer quant_conv2d" and "2 above, 1 below, 0 left, 3 right" in error.why
    assert "has to be 7x8" in error.why and "ZeroPadding2D(2)" in error.fix


def test_the_pixels_must_be_said() -> None:
    error = refused((FOLDER / "vgg.h5").read_bytes())
    assert error.code is ExitCode.BAD_INPUT and "pixels 0..255" in error.what
    assert "quant_conv2d (QuantConv2D)" in error.why and "mean and std" in error.fix
    explain_keras(FOLDER / "vgg.h5", mean=(0.5, 0.5, 0.5), std=0.5)
    for mean, std in ((0.5, 0.0), ((0.5, 0.5), 0.5), (float("nan"), 1.0)):
        with pytest.raises(SpanbitError, match="for 3 channels"):
            explain_keras(FOLDER / "vgg.h5", mean=mean, std=std)


def test_class_names_must_be_as_many() -> None:
    with pytest.raises(SpanbitError, match="2 class names for 5 outputs"):
        from_keras(FOLDER / "padded.keras", class_names=("a", "b"))
    assert from_keras(FOLDER / "padded.keras", class_names=tuple("abcde")).class_names == tuple("abcde")


# Files ----------------------------------------------------------------------------------------------------


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SpanbitError, match="No such file"):
        from_keras(tmp_path / "none.h5")
    with pytest.raises(SpanbitError, match=r"model\.save\('model\.h5'\)"):
        from_keras(tmp_path)


def test_weights_alone() -> None:
    made = io.BytesIO()
    with h5py.File(made, "w") as file:
        file["dense/kernel:0"] = np.zeros(3)
    error = refused(made.getvalue())
    assert "weights alone" in error.what and "model.save" in error.fix


def test_other_versions_of_keras() -> None:
    made = io.BytesIO((FOLDER / "odd.h5").read_bytes())
    with h5py.File(made, "r+") as file:
        file.attrs["keras_version"] = "3.4.1"
    error = refused(made.getvalue())
    assert "Keras 3.4.1" in error.what and "tf_keras" in error.fix


def test_a_weight_that_is_not_there() -> None:
    made = io.BytesIO((FOLDER / "odd.h5").read_bytes())
    with h5py.File(made, "r+") as file:
        file["model_weights/outer"].attrs["weight_names"] = [b"conv2d/kernel:0"]
    error = refused(made.getvalue())
    assert "'bias' of layer outer/inner/conv2d" in error.what and "conv2d/kernel:0" in error.why


def test_weights_that_are_not_finite() -> None:
    made = io.BytesIO((FOLDER / "odd.h5").read_bytes())
    with h5py.File(made, "r+") as file:
        file["model_weights/quant_conv2d_1/quant_conv2d_1/kernel:0"][0, 0, 0, 0] = np.nan
    error = refused(made.getvalue())
    assert "not finite" in error.what and error.where == "layer quant_conv2d_1"


def test_without_h5py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    error = refused((FOLDER / "vgg.h5").read_bytes(), mean=0.5, std=0.5)
    assert "h5py" in error.what and "spanbit[keras]" in error.fix


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["odd.h5", "odd.keras"]), st.data())
def test_a_damaged_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    damaged = bytearray((FOLDER / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(damaged) // 2, len(damaged)))
    try:
        explain_keras_bytes(bytes(damaged[:cut]), name)
    except SpanbitError as error:
        assert error.where


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_configuration_that_lacks_or_has_anything_is_read_or_refused(data: st.DataObject) -> None:
    def change(config: Config) -> None:
        place: Any = config
        while isinstance(place, dict | list) and place:
            keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or data.draw(st.integers(0, 5)) == 0:
                place[key] = data.draw(st.sampled_from([None, -1, 0, 2, 0.5, "x", [], [3], {}, [None, 2]]))
                return
            place = place[key]

    try:
        explain_keras_bytes(changed("odd.keras", change), "odd.keras")
    except SpanbitError as error:
        assert error.what


def test_a_checkpoint_takes_no_mean() -> None:
    with pytest.raises(SpanbitError, match="mean and std for a checkpoint"):
        explain_file(b"no model of Keras", "demo.pt", mean=0.5)
