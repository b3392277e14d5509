"""Seeds for the fuzzers: small real bundles made by the compiler, chains and residual networks, truncated
ones, and images.

    python runtime_c/fuzz/make_corpus.py build/fuzz/seeds

writes DIR/fuzz_bundle/ and DIR/fuzz_image/. The same call writes the same files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from spanbit.bundle import write_bundle
from spanbit.graph import KernelKind, Padding
from spanbit.passes import compile_graph
from spanbit.targets import load_target

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from nets import many_channels, random_graph, random_image
from residual_nets import random_residual_graph

NETWORKS = 120
"""Of each kind: chains, and networks with shortcuts."""
LARGEST = 1 << 15
"""Bytes of a seed: small ones are altered more often, and reach all code too."""
TINY_IMAGE_BYTES = 3 * 9 * 14
"""Of the network in tests/tiny_bundle.h, which fuzz_image.c runs."""


def bundles() -> Iterator[tuple[str, bytes]]:
    """Name and content. Every network with each kernel, some of them cut off in several places."""
    target = load_target("rpi4")
    for seed in range(NETWORKS):
        chain = random_graph(seed, channels_max=13, side_max=17)
        residual = random_residual_graph(seed, channels_max=13, side_max=16, steps_max=9)
        for kind, graph in (("chain", chain), ("residual", residual)):
            images = np.stack([random_image(graph, seed)])
            for kernel in KernelKind:
                data = write_bundle(compile_graph(graph, target, kernel), images)
                if len(data) > LARGEST:
                    continue
                name = f"{kind}-{seed:03}-{kernel.name.lower()}"
                yield name, data
                if seed % 8 == 0:
                    for tenth in (1, 5, 9):
                        yield f"{name}-cut{tenth}", data[: len(data) * tenth // 10]
    wide = many_channels(220, (8, 64), 5, Padding.ZERO, "sparse", outputs=3)  # two windows of prepared planes
    yield "wide", write_bundle(compile_graph(wide, target, KernelKind.TREE), random_image(wide, 0)[None])


def images() -> Iterator[tuple[str, bytes]]:
    """A byte that picks the network, then an image: noise, black, white, one byte short, one too many."""
    random = np.random.default_rng(0)
    for network in range(8):
        noise = random.integers(0, 256, TINY_IMAGE_BYTES + 1, np.uint8).tobytes()
        for name, image in (
            ("noise", noise[1:]),
            ("black", bytes(TINY_IMAGE_BYTES)),
            ("white", b"\xff" * TINY_IMAGE_BYTES),
            ("short", noise[2:]),
            ("long", noise),
        ):
            yield f"{network}-{name}", bytes([network]) + image


def write(folder: Path, seeds: Iterator[tuple[str, bytes]]) -> int:
    """Writes each seed as a file; their number."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for name, data in seeds:
        (folder / name).write_bytes(data)
        count += 1
    return count


def main() -> None:
    folder = Path(sys.argv[1])
    print(f"seeds: {write(folder / 'fuzz_bundle', bundles())} bundles", end=", ")
    print(f"{write(folder / 'fuzz_image', images())} images")


if __name__ == "__main__":
    main()
