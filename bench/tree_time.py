"""Times the host's tree building on random layers, the worst case for it (every distance near L / 2).

python bench/tree_time.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from spanbit.tree import build_tree, distance, statistics

REPEATS = 5


def _median_ms(call: Callable[[NDArray[np.int8]], object], weight: NDArray[np.int8]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call(weight)
        seconds.append(time.perf_counter() - start)
    return 1000 * float(np.median(seconds))


def main() -> None:
    """Print one line a layer: both ways to the distances, then the whole of build_tree."""
    print(f"median of {REPEATS}, ms; numpy {np.__version__}")
    print("channels  taps  weights  popcount  matmul   build  depth  slots   cost")
    random = np.random.default_rng(0)
    for channels, taps in ((64, 576), (128, 1152), (256, 2304), (512, 4608), (1024, 1152)):
        for name, values in (("binary", (-1, 1)), ("ternary", (-1, 0, 1))):
            weight = random.choice(np.array(values, np.int8), (channels, taps))
            packed = float("nan")
            if hasattr(np, "bitwise_count"):
                packed = _median_ms(distance.by_popcount, weight)
            product = _median_ms(distance.by_matmul, weight)
            whole = _median_ms(build_tree, weight)
            figures = statistics(build_tree(weight), taps)
            print(
                f"{channels:8} {taps:5}  {name:8} {packed:8.1f} {product:7.1f} {whole:7.1f}"
                f" {figures.depth_max:6} {figures.slot_count:6} {figures.cost:6.3f}"
            )


if __name__ == "__main__":
    main()
