"""Times a TensorFlow Lite model. Sent to a board and run by its own Python (3.7 or later, alone).

    python3 timer.py MODEL ROUNDS WARMUP THREADS

Prints one JSON object; with "" for a model, only which runtime there is: LiteRT or tflite-runtime.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def runtime() -> tuple[Any, str, str]:
    """Interpreter class, name and version of the first runtime that is installed."""
    try:
        from ai_edge_litert import interpreter

        name, module = "LiteRT", "ai-edge-litert"
    except ImportError:
        try:
            from tflite_runtime import interpreter  # type: ignore[import-not-found]

            name, module = "TensorFlow Lite", "tflite-runtime"
        except ImportError:
            return None, "", ""
    try:
        from importlib.metadata import version

        return interpreter.Interpreter, name, version(module)
    except ImportError:
        return interpreter.Interpreter, name, ""


def main() -> None:
    model = sys.argv[1]
    rounds, warmup, threads = map(int, sys.argv[2:5])
    interpreter_of, name, version = runtime()
    said: dict[str, Any] = {"versus": 1, "runtime": name, "version": version}
    if model and interpreter_of is not None:
        interpreter = interpreter_of(model_path=model, num_threads=threads)
        interpreter.allocate_tensors()
        for part in interpreter.get_input_details():
            # Any values do: no operator's time depends on them.
            interpreter.set_tensor(part["index"], interpreter.get_tensor(part["index"]) * 0 + 1)
        begin = time.perf_counter_ns()
        interpreter.invoke()
        said["first_ns"] = time.perf_counter_ns() - begin
        for _ in range(warmup):
            interpreter.invoke()
        said["total_ns"] = []
        for _ in range(rounds):
            begin = time.perf_counter_ns()
            interpreter.invoke()
            said["total_ns"].append(time.perf_counter_ns() - begin)
        said["inputs"] = [list(map(int, part["shape"])) for part in interpreter.get_input_details()]
    print(json.dumps(said))


if __name__ == "__main__":
    main()
