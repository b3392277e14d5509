"""What an image that comes row by row saves in RAM, and what it costs.

    python bench/firmware_rows.py [--json bench/results/firmware-rows.json]

Planned: three networks, each choice of tables; the arena, and the caller's RAM for the image or for a row of
it. `first_bytes` is what the layers that take rows need at least, and their output. The small
network is that of bench/firmware.py, the others are the zoo's with random weights. Measured: RUNS, built by
the target's first compiler and run under qemu, which counts the instructions of one image and looks how far
the stack was written to; all layers must be the golden image's, and the outputs this machine's. SYNTHETIC
weights, a tenth of them not 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bare_metal import machine_of, run_network
from firmware import network
from spanbit.bundle import Bundle, read_bundle, write_bundle
from spanbit.cli.failure import guard
from spanbit.cli.files import write_atomic
from spanbit.export import FirmwarePlan, Input, Tables, c_network, plan_firmware
from spanbit.export.figures import firmware_figures
from spanbit.export.rows import merge_front
from spanbit.importers import from_torch
from spanbit.passes import compile_graph
from spanbit.passes.memory import output_bytes
from spanbit.runtime import Model
from spanbit.targets import load_target
from zoo_networks import random_network

COMMAND = "python bench/firmware_rows.py --json bench/results/firmware-rows.json"
SMALL = "small"
NETWORKS = (SMALL, "vgg_small", "resnet18")
RUNS = (
    (SMALL, "cortex-m4", Tables.FLASH),
    (SMALL, "cortex-m0plus", Tables.FLASH),
    ("resnet18", "cortex-m7", Tables.FLASH),
    ("resnet18", "cortex-m7", Tables.ENCODED),
)
_ENOUGH_RAM = {"cortex-m0plus": "mps2-an385", "cortex-m7": "mps2-an500-psram"}


@dataclass(frozen=True)
class Planned:
    """RAM of a network, stack left out."""

    network: str
    image: str
    tables: str
    input: str
    arena_bytes: int
    image_bytes: int
    first_bytes: int


@dataclass(frozen=True)
class Measured:
    """A run on an emulated core."""

    network: str
    target: str
    tables: str
    input: str
    const_bytes: int
    code_bytes: int | None
    stack_bytes: int
    instructions: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    bundles = {name: bundle_of(name) for name in NETWORKS}
    plans = [row for name, bundle in bundles.items() for row in planned(name, bundle)]
    runs = []
    for row in plans:
        print(row, flush=True)
    for name, target, tables in RUNS:
        runs += measured(name, bundles[name], target, tables)
        print(*runs[-2:], sep="\n", flush=True)
    if asked.json:
        said = {
            "command": COMMAND,
            "planned": [asdict(row) for row in plans],
            "measured": [asdict(r) for r in runs],
        }
        write_atomic(asked.json, (json.dumps(said, indent=1) + "\n").encode())


def bundle_of(name: str) -> Bundle:
    """Compiled for a Cortex-M4, with one golden image."""
    if name == SMALL:
        graph = network()
    else:
        subject = random_network(name, "ternary")
        graph = from_torch(subject.net, subject.input_shape, name=name)
    sides = graph.input
    images = np.random.default_rng(1).integers(
        0, 256, (1, sides.height, sides.width, sides.channels), np.uint8
    )
    return read_bundle(write_bundle(compile_graph(graph, load_target("cortex-m4")), images))


def planned(name: str, bundle: Bundle) -> Iterator[Planned]:
    """RAM for each choice of tables, both ways."""
    sides = bundle.graph.input
    for tables in Tables:
        rows = plan_firmware(bundle, tables, given=Input.ROWS)
        assert rows.rows is not None
        for plan in (plan_firmware(bundle, tables), rows):
            yield Planned(
                network=name,
                image=f"{sides.channels}x{sides.height}x{sides.width}",
                tables=tables.value,
                input=plan.given.value,
                arena_bytes=plan.compiled.arena_bytes,
                image_bytes=plan.image_bytes,
                first_bytes=_first_bytes(plan, rows.rows.layers),
            )


def _first_bytes(plan: FirmwarePlan, front: int) -> int:
    layers = plan.compiled.layers[:front]
    made = [output_bytes(layer, plan.plane_align) for layer in layers]
    if plan.rows is not None:  # the stem's output is never whole; a band of it may be a single row
        one_row = merge_front(plan.compiled.layers, front, 1, plan.plane_align)[0].scratch_bytes
        return one_row + made[-1]
    return max(
        sum(made[max(0, index - 1) : index + 1]) + layer.scratch_bytes for index, layer in enumerate(layers)
    )


def measured(name: str, bundle: Bundle, target_name: str, tables: Tables) -> Sequence[Measured]:
    """Both ways on one core, which must give the numbers of this machine's runtime."""
    target = load_target(target_name)
    images = np.stack([record.image for record in bundle.golden])
    host = Model(write_bundle(bundle.compiled, images))
    expected = np.stack([host.run(image) for image in images]).reshape(len(images), -1)
    found = []
    for given in Input:
        net = c_network(bundle, "measured", tables, given=given)
        with tempfile.TemporaryDirectory() as folder:
            machine = _ENOUGH_RAM.get(target_name, machine_of(target))
            run = run_network(net, target, images, Path(folder), machine=machine)
        assert run.check == 0, f"{name} on {target_name}: layer {run.check - 1} differs"
        assert np.array_equal(run.outputs, expected.view(np.uint8)), f"{name} on {target_name}: outputs"
        figures = firmware_figures(net, target)
        found.append(
            Measured(
                network=name,
                target=target_name,
                tables=tables.value,
                input=given.value,
                const_bytes=net.const_bytes,
                code_bytes=figures.code_bytes,
                stack_bytes=run.stack_bytes,
                instructions=run.instructions,
            )
        )
    return found


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=True))
