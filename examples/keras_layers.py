"""What every layer of a Keras or Larq model delivers, stored for `spanbit verify`. Needs TensorFlow alone.

    python examples/keras_layers.py model.h5 model.test.npz --mean 0.5 --std 0.5 --count 20

Reads `images`, uint8 [N, H, W, C], gives the first of them to the model as (pixel / 255 - mean) / std (or as
they are, where neither is said: the model normalises them itself), and writes model.layers.npz: these images,
`logits` (in front of a softmax), and `layer/NAME` for every layer of the model but those inside of models in
it.
"""

import argparse
import contextlib
from pathlib import Path

import numpy as np
import tensorflow as tf

with contextlib.suppress(ModuleNotFoundError):
    import larq  # noqa: F401  its layers make themselves known to Keras


def layers_of(model, given):
    """By "logits" and "layer/NAME": what the model and its layers make of `given`, the first call of each."""
    last = model.layers[-1]
    if getattr(last, "activation", None) is tf.keras.activations.softmax:
        last.activation = tf.keras.activations.linear  # Keras calls the layer again below
    end = last.input if isinstance(last, tf.keras.layers.Softmax) else last.output
    wanted = {
        f"layer/{layer.name}": layer.get_output_at(0)
        for layer in model.layers
        if not isinstance(layer, (tf.keras.Model, tf.keras.layers.InputLayer))
    }
    made = tf.keras.Model(model.input, {"logits": end, **wanted}).predict(given, verbose=0)
    return {name: np.asarray(array, np.float32) for name, array in made.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--mean", type=float, nargs="+")
    parser.add_argument("--std", type=float, nargs="+")
    parser.add_argument("--count", type=int, default=20)
    asked = parser.parse_args()
    with np.load(asked.images) as archive:
        images = archive["images"][: asked.count]
    given = images.astype(np.float32)
    if asked.mean or asked.std:
        given = (given / 255 - np.array(asked.mean or 0, np.float32)) / np.array(asked.std or 1, np.float32)
    model = tf.keras.models.load_model(asked.model, compile=False)
    out = asked.model.with_suffix(".layers.npz")
    np.savez_compressed(out, images=images, **layers_of(model, given))
    print(f"written: {out}")


if __name__ == "__main__":
    main()
