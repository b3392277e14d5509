"""Trains a small binary network with Larq and saves it for spanbit. Needs TensorFlow 2.15 and larq alone.

    python examples/larq_digits.py digits.npz digits-larq.h5

digits.npz has `images`, uint8 [N, 8, 8, 1], and `labels`; docs/import-keras.md says how to make it.
"""

import sys
from pathlib import Path

import larq as lq
import numpy as np
import tensorflow as tf

data, model_file = Path(sys.argv[1]), Path(sys.argv[2])
tf.keras.utils.set_random_seed(0)

with np.load(data) as archive:
    images, labels = archive["images"], archive["labels"]
held_back = 360
scaled = images.astype(np.float32) / 255

binary = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}
image = x = tf.keras.Input((8, 8, 1))
x = tf.keras.layers.Conv2D(32, 3, padding="same", use_bias=False)(x)
x = tf.keras.layers.BatchNormalization(momentum=0.9)(x)
for _ in range(2):  # shortcuts in real numbers, as in Bi-Real Net
    y = lq.layers.QuantConv2D(32, 3, padding="same", use_bias=False, **binary)(x)
    y = tf.keras.layers.BatchNormalization(momentum=0.9)(y)
    x = tf.keras.layers.add([x, y])
x = tf.keras.layers.MaxPooling2D(2)(x)
x = lq.layers.QuantConv2D(64, 3, padding="same", use_bias=False, **binary)(x)
x = tf.keras.layers.BatchNormalization(momentum=0.9)(x)
x = tf.keras.layers.Flatten()(x)
x = lq.layers.QuantDense(10, use_bias=False, **binary)(x)
x = tf.keras.layers.BatchNormalization(momentum=0.9)(x)
model = tf.keras.Model(image, tf.keras.layers.Softmax()(x))

model.compile(tf.keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", ["accuracy"])
model.fit(scaled[held_back:], labels[held_back:], batch_size=64, epochs=20, verbose=0)
_, accuracy = model.evaluate(scaled[:held_back], labels[:held_back], verbose=0)
print(f"accuracy {accuracy:.4f} on {held_back} images held back")

model.save(model_file)
# The images that spanbit checks the compiled network with, and measures its accuracy on; and, for `spanbit
# verify`, what the model says of them in front of its softmax.
logits = tf.keras.Model(image, x).predict(scaled[:held_back], verbose=0)
tests = {"images": images[:held_back], "labels": labels[:held_back].astype(np.uint8), "logits": logits}
np.savez_compressed(model_file.with_suffix(".test.npz"), **tests)
