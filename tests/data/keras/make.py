"""Writes the Larq models of this folder, and what Larq itself makes of a few images.

    python3.11 -m venv larq && larq/bin/pip install tensorflow-cpu==2.15.1 larq==0.14.0
    larq/bin/python tests/data/keras/make.py

Each NAME is a model (NAME.h5 or NAME.keras) and NAME.npz: `images` uint8 [N, H, W, C], `outputs` float32
[N, O] as Larq's model gives them, and `mean` and `std`, by which the pixels went in (none: the model begins
with Rescaling or Normalization). NAME.layers.npz is what examples/keras_layers.py makes of the first two
images. Nothing else in the project needs TensorFlow. The models are trained for a few steps on random images,
with all seeds set, so that no batch-norm has the values that it begins with.

A first layer of real weights has those that int8 and one scale a channel can say. So nothing is rounded where
bits are made, and what Larq calculates in float32 and spanbit in int16 can be compared to the last digits.
"""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import importlib.metadata
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import larq as lq
import numpy as np
import tensorflow as tf

FOLDER = Path(__file__).resolve().parent
VERSIONS = {"tensorflow": "2.15.1", "keras": "2.15.0", "larq": "0.14.0"}
CLASSES = 5
IMAGES = 8
layers = tf.keras.layers

Tensor = tf.Tensor
BINARY = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}


def vgg() -> tf.keras.Model:
    """As Larq's own example: the first layer is binary in its weights alone, so nothing is rounded."""
    return tf.keras.Sequential(
        [
            lq.layers.QuantConv2D(
                8, 3, kernel_quantizer="ste_sign", kernel_constraint="weight_clip", input_shape=(17, 15, 3)
            ),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(scale=False),
            lq.layers.QuantConv2D(16, 3, padding="same", pad_values=1.0, use_bias=False, **BINARY),
            layers.BatchNormalization(),
            lq.layers.QuantConv2D(16, 3, padding="same", strides=2, pad_values=-1.0, **BINARY),
            layers.BatchNormalization(center=False),
            lq.layers.QuantConv2D(
                8,
                3,
                padding="same",
                input_quantizer="approx_sign",
                kernel_quantizer="magnitude_aware_sign",
                kernel_constraint="weight_clip",
            ),
            layers.BatchNormalization(),
            layers.Activation("hard_tanh"),
            layers.Dropout(0.2),
            layers.Flatten(),
            lq.layers.QuantDense(24, use_bias=False, **BINARY),
            layers.BatchNormalization(scale=False),
            lq.layers.QuantDense(
                CLASSES,
                input_quantizer=lq.quantizers.SwishSign(),
                kernel_quantizer=lq.quantizers.SteTern(0.02),
                kernel_constraint="weight_clip",
            ),
            layers.BatchNormalization(scale=False),
            layers.Activation("softmax"),
        ],
        name="vgg",
    )


def padded() -> tf.keras.Model:
    """Windows that TensorFlow pads unevenly, zeros put around, groups, dilation; also exact."""
    image = x = tf.keras.Input((16, 18, 2))
    x = layers.Rescaling(1 / 255.0)(x)
    x = layers.ZeroPadding2D(((2, 1), (0, 2)))(x)
    x = lq.layers.QuantConv2D(8, 5, strides=2, kernel_quantizer="ste_sign", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.ZeroPadding2D(1)(x)  # the sign of a zero is +1
    x = lq.layers.QuantConv2D(16, 3, groups=2, **BINARY)(x)
    x = layers.BatchNormalization()(x)
    x = lq.layers.QuantDepthwiseConv2D(
        3,
        strides=2,
        padding="same",
        depth_multiplier=2,
        input_quantizer="ste_sign",
        depthwise_quantizer="ste_sign",
        depthwise_constraint="weight_clip",
    )(x)
    x = layers.BatchNormalization()(x)
    x = lq.layers.QuantConv2D(24, (2, 3), strides=2, padding="same", **BINARY)(x)
    x = layers.BatchNormalization()(x)
    x = lq.layers.QuantConv2D(24, 3, dilation_rate=2, padding="same", **BINARY)(x)
    x = layers.BatchNormalization()(x)
    x = lq.quantizers.SteSign()(x)
    x = layers.Flatten()(x)
    x = lq.layers.QuantDense(CLASSES, kernel_quantizer="ste_sign", name="logits")(x)
    return tf.keras.Model(image, x, name="padded")


def bireal() -> tf.keras.Model:
    """Shortcuts in real numbers, as Bi-Real Net and QuickNet have them; one block is a model of its own."""

    def block(x: Tensor, filters: int, strides: int) -> Tensor:
        shortcut = x
        if strides > 1:
            shortcut = layers.AveragePooling2D(strides)(shortcut)
            shortcut = layers.Conv2D(filters, 1, use_bias=False)(shortcut)
            shortcut = layers.BatchNormalization()(shortcut)
        x = lq.layers.QuantConv2D(
            filters,
            3,
            strides=strides,
            padding="same",
            input_quantizer="approx_sign",
            kernel_quantizer="magnitude_aware_sign",
            kernel_constraint="weight_clip",
            use_bias=False,
        )(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        return layers.add([x, shortcut])

    def relu_block() -> tf.keras.Model:
        inner = x = tf.keras.Input((8, 8, 16))
        x = lq.layers.QuantConv2D(
            16, 3, padding="same", pad_values=1.0, activation="relu", use_bias=False, **BINARY
        )(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        return tf.keras.Model(inner, layers.add([x, inner]), name="quick")

    image = x = tf.keras.Input((16, 16, 3))
    x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = relu_block()(x)
    x = block(x, 16, 1)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = block(x, 24, 2)
    x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(CLASSES)(x)
    return tf.keras.Model(image, layers.Softmax()(x), name="bireal")


def birealnet() -> tf.keras.Model:
    """larq_zoo's BiRealNet, narrow and short: 7x7 with strides of 2 and a pool of 3x3 on even sides."""
    image = x = tf.keras.Input((40, 48, 3))
    x = layers.Conv2D(8, 7, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.8)(x)
    x = layers.MaxPool2D(3, strides=2, padding="same")(x)
    for filters in (8, 16):
        shortcut = x
        if filters > 8:
            shortcut = layers.AvgPool2D(2, strides=2, padding="same")(shortcut)
            shortcut = layers.Conv2D(filters, 1, use_bias=False)(shortcut)
            shortcut = layers.BatchNormalization(momentum=0.8)(shortcut)
        x = lq.layers.QuantConv2D(
            filters,
            3,
            strides=filters // 8,
            padding="same",
            input_quantizer="approx_sign",
            kernel_quantizer="magnitude_aware_sign",
            kernel_constraint="weight_clip",
            use_bias=False,
        )(x)
        x = layers.BatchNormalization(momentum=0.8)(x)
        x = layers.add([x, shortcut])
    x = layers.AveragePooling2D((5, 6))(x)
    x = layers.Dense(CLASSES)(layers.Flatten()(x))
    return tf.keras.Model(image, layers.Activation("softmax", dtype="float32")(x), name="birealnet")


def dense() -> tf.keras.Model:
    """Channels joined, as in a dense net, and a normalization that has seen data."""
    image = x = tf.keras.Input((14, 14, 1))
    x = layers.Normalization(name="pixels")(x)
    x = layers.Conv2D(8, 3, use_bias=False, activation="relu")(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    for _ in range(3):
        y = lq.layers.QuantConv2D(8, 3, padding="same", use_bias=False, **BINARY)(x)
        y = layers.BatchNormalization(momentum=0.9)(y)
        x = layers.concatenate([x, y])
    x = layers.MaxPooling2D(2)(x)
    x = layers.LeakyReLU(0.25)(x)
    x = layers.Conv2D(16, 1, use_bias=True)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = tf.nn.relu(x)
    x = layers.AveragePooling2D(6)(x)
    x = layers.Flatten()(x)
    return tf.keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x), name="dense")


def odd() -> tf.keras.Model:
    """Odd sides, a layer called twice, models two deep, + and tf.concat, an end in a convolution."""
    image = x = tf.keras.Input((15, 15, 3))
    x = layers.Rescaling(1 / 255.0)(x)
    x = lq.layers.QuantConv2D(8, 3, kernel_quantizer="ste_sign", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    twice = lq.layers.QuantConv2D(8, 3, padding="same", use_bias=False, **BINARY)
    x = x + layers.BatchNormalization(momentum=0.9)(twice(x))
    y = layers.BatchNormalization(momentum=0.9)(twice(x))
    x = tf.concat([x, y], -1)
    x = layers.ReLU(max_value=6.0, negative_slope=0.125)(x)
    inner = tf.keras.Sequential([layers.Conv2D(12, 1), layers.BatchNormalization(momentum=0.9)], name="inner")
    outer = tf.keras.Sequential([inner, layers.LeakyReLU(0.25), layers.SpatialDropout2D(0.1)], name="outer")
    x = outer(x)
    x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.GlobalMaxPooling2D()(x)
    x = layers.Reshape((1, 1, 12))(x)
    x = layers.Conv2D(CLASSES, 1)(x)
    return tf.keras.Model(image, layers.Flatten()(x), name="odd")


def pixels() -> tf.keras.Model:
    """The image is pooled, and its signs are taken, before any convolution."""
    image = x = tf.keras.Input((12, 12, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.BatchNormalization()(x)
    x = lq.layers.QuantConv2D(16, 3, use_bias=False, **BINARY)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Flatten()(x)
    x = lq.layers.QuantDense(CLASSES, **BINARY)(x)
    return tf.keras.Model(image, x, name="pixels")


def write(
    build: Callable[[], tf.keras.Model], suffixes: tuple[str, ...], mean: float | None, std: float | None
) -> None:
    """Trains `build()` for a few steps, saves it, and what it makes of images."""
    name = build.__name__
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(1)
    model = build()
    random = np.random.default_rng(1)
    pixels = random.integers(0, 256, (256, *model.input_shape[1:]), np.uint8)
    labels = random.integers(0, CLASSES, 256)
    scaled = pixels.astype(np.float32)
    if mean is not None and std is not None:
        scaled = ((scaled / 255 - mean) / std).astype(np.float32)
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):
            layer.adapt(scaled)
    ends_in_softmax = "softmax" in str(model.layers[-1].get_config())
    ends_in_softmax = ends_in_softmax or isinstance(model.layers[-1], layers.Softmax)
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=not ends_in_softmax)
    model.compile(tf.keras.optimizers.Adam(0.02), loss)
    model.fit(scaled, labels, batch_size=32, epochs=4, verbose=0, shuffle=False)
    on_int8_grid(model)
    outputs = model.predict(scaled[:IMAGES], verbose=0)
    model.optimizer = None  # its state would make the file three times as large
    for suffix in suffixes:
        model.save(FOLDER / f"{name}{suffix}")
        if suffix == ".keras":
            pack(FOLDER / f"{name}{suffix}")
    facts = {} if mean is None else {"mean": np.float64(mean), "std": np.float64(std)}
    np.savez_compressed(FOLDER / f"{name}.npz", images=pixels[:IMAGES], outputs=outputs, **facts)


def on_int8_grid(model: tf.keras.Model) -> None:
    """The first real convolution's weights as integers up to 127, times one number a channel."""
    for layer in model.layers:
        if type(layer) is layers.Conv2D and layer.kernel_size in ((3, 3), (7, 7)):
            kernel, *rest = layer.get_weights()
            unit = np.abs(kernel).max(axis=(0, 1, 2)) / 127
            layer.set_weights([np.rint(kernel / unit) * unit, *rest])


def pack(path: Path) -> None:
    """Keras does not deflate what it zips; the same files, deflated, are a sixth as large."""
    with zipfile.ZipFile(path) as archive:
        members = [(entry, archive.read(entry)) for entry in archive.infolist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, data in members:
            archive.writestr(entry.filename, data)


def store_layers(model: str, *pixels: str) -> None:
    """What each layer delivers, as users store it."""
    script = FOLDER.parents[2] / "examples" / "keras_layers.py"
    path = FOLDER / model
    command = [sys.executable, script, path, path.with_suffix(".npz"), "--count", "2", *pixels]
    subprocess.run(command, check=True)


def main() -> None:
    """All of them."""
    found = {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "larq": importlib.metadata.version("larq"),
    }
    if found != VERSIONS:
        raise SystemExit(f"these are {found}, the files were written by {VERSIONS}")
    write(vgg, (".h5",), 0.5, 0.5)
    write(padded, (".keras",), None, None)
    write(bireal, (".h5", ".keras"), 0.4, 0.25)
    write(birealnet, (".keras",), 0, 1)
    write(dense, (".keras",), None, None)
    write(pixels, (".keras",), None, None)
    write(odd, (".h5", ".keras"), None, None)
    store_layers("bireal.h5", "--mean", "0.4", "--std", "0.25")
    store_layers("pixels.keras")


if __name__ == "__main__":
    main()
