"""The same network as a TensorFlow Lite file: what else a board could run instead, to compare with.

    data = twin(graph, "int8")      # bytes of a .tflite file

A twin for speed, not for answers: see twin.py.
"""

from spanbit.tflite.twin import KINDS, twin

__all__ = ["KINDS", "twin"]
