"""Refusals of the part that all importers share, in the words of Keras.

What a layer cannot be is found out where no framework is known any more, and what to do is said there in
PyTorch's words. A user of Keras reads Keras's.
"""

from __future__ import annotations

from spanbit.errors import SpanbitError
from spanbit.importers.layers import NO_SIGN

_WORDS = (
    (NO_SIGN, "give the layer input_quantizer='ste_sign'"),
    ("nn.Linear or BinaryLinear behind nn.Flatten", "Dense or QuantDense behind Flatten"),
    ("put a Sign and such a layer behind it", "put a sign and such a layer behind it"),
    ("put nn.Flatten behind it", "put Flatten behind it"),
    ("nn.BatchNorm2d", "BatchNormalization"),
    ("nn.Flatten", "Flatten"),
    ("Hardtanh", "hard_tanh"),
    ("PyTorch's sign has 0", "tf.sign has 0"),
)


def in_words_of_keras(text: str) -> str:
    """The same text; what it does not know stays."""
    for ours, theirs in _WORDS:
        text = text.replace(ours, theirs)
    return text


def translated(error: SpanbitError) -> SpanbitError:
    """The same error."""
    return SpanbitError(
        in_words_of_keras(error.what),
        where=error.where,
        why=in_words_of_keras(error.why),
        fix=in_words_of_keras(error.fix),
        code=error.code,
    )
