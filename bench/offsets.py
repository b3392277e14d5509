"""How a tap's offset is best stored: 32 bits, 16 bits, or gaps of 8 bits.

    python bench/offsets.py          # writes bench/results/offsets.json

The taps are those of VGG-small's layers with SYNTHETIC weights of cost 0.10 (binary tree). For each encoding:
bytes of all offsets, and what fetching two taps and adding them takes, in executed instructions and model
cycles of a Cortex-A72, in a loop that does nothing else (offsets.c). Layers whose images share a word among
lanes are left out: they load otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from emulate import Block, compiler_of, plugin, toolchain
from mca import CycleModel, mca_version
from results import show, write_result
from rich.table import Table
from shapes import Layer, load_shapes
from spanbit.cbuild import build, include_dirs
from spanbit.cli.failure import guard
from spanbit.graph import BinaryConv, Shape
from spanbit.passes.layout import copies_bytes, lanes, row_bytes, strip_rows
from spanbit.targets import load_target
from spanbit.tree import ZERO, build_tree
from subject import weights

HERE = Path(__file__).resolve().parent
ENCODINGS = {"32 bits": "3", "16 bits": "1", "gaps of 8 bits": "8"}


def main() -> None:
    target = load_target("rpi4")
    command = toolchain(target)
    program = build(command, [HERE / "offsets.c"], include=include_dirs(), output_name="offsets")
    model = CycleModel(program, "cortex-a72")
    layers = [
        layer for layer in load_shapes("vgg-small").layers if lanes(_side(layer, layer.out_channels)) == 1
    ]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for layer in layers:
            path = Path(folder) / layer.name
            taps = _write_lists(path, layer)
            for name, letter in ENCODINGS.items():
                counter = f"{plugin()},out={path}.json,blocks={path}.blocks"
                words = [*target.qemu, "-plugin", counter, str(program), str(path), letter]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                said = json.loads(done.stdout)
                marked = json.loads(Path(f"{path}.json").read_text())["marked"]
                cycles = model.cycles(_loop(Path(f"{path}.blocks"), program, letter))
                rows.append(
                    {
                        "layer": str(layer),
                        "encoding": name,
                        "bytes_per_tap": round(said["bytes"] / taps, 2),
                        "instructions_per_tap": round(marked / taps, 2),
                        "cycles_per_tap": round(cycles / taps, 2),
                        "check": said["check"],
                    }
                )
    for layer in layers:
        checks = {row["check"] for row in rows if row["layer"] == str(layer)}
        assert len(checks) == 1, "the encodings add different taps"
    write_result(
        "offsets",
        {"weights": "synthetic", "compiler": compiler_of(command), "cycles_by": mca_version(), "rows": rows},
    )
    table = Table(
        title="fetching a tap of 256 pixels and adding it, Cortex-A72 (emulated; cycles are a model's)"
    )
    for column in ("layer", "encoding", "bytes", "instructions", "model cycles"):
        table.add_column(column, justify="left" if column in ("layer", "encoding") else "right")
    for row in rows:
        table.add_row(*(str(row[key]) for key in row if key != "check"))
    show(table)


def _side(layer: Layer, channels: int) -> Shape:
    return Shape(channels, layer.size, layer.size)


def _write_lists(path: Path, layer: Layer) -> int:
    """The lists of all nodes as offsets.c reads them, an odd last tap dropped; how many taps."""
    weight = weights("binary tree", layer, 0.10)
    assert weight is not None
    op = BinaryConv(layer.name, weight, layer.stride, layer.padding, 0)
    source, result = _side(layer, layer.in_channels), _side(layer, layer.out_channels)
    rows = strip_rows(op, source, result)
    copy = copies_bytes(op, source, result, rows) // (layer.in_channels * layer.kernel)
    flat = weight.reshape(len(weight), -1)
    tree = build_tree(flat)
    signed = flat[tree.channel].astype(np.int16) * tree.sign[:, None]
    words: list[int] = []
    lists = taps = 0
    for node, parent in enumerate(tree.parent):
        difference = signed[node] - (0 if parent == ZERO else signed[parent])
        for value in (1, -1, 2, -2):
            k = np.flatnonzero(difference == value)
            column = k // layer.kernel**2 * layer.kernel + k % layer.kernel
            offsets = np.sort(column * copy + k % layer.kernel**2 // layer.kernel * row_bytes(layer.size))
            offsets = offsets[: len(offsets) // 2 * 2]
            if len(offsets):
                words += [len(offsets), *offsets.tolist()]
                lists, taps = lists + 1, taps + len(offsets)
    path.write_bytes(np.array([lists, *words], "<u4").tobytes())
    return taps


def _loop(blocks: Path, program: Path, letter: str) -> dict[Block, float]:
    """The blocks of the one function that ran."""
    name = {"3": "count_32", "1": "count_16", "8": "count_gaps"}[letter]
    said = subprocess.run(["nm", "-S", str(program)], check=True, capture_output=True, text=True).stdout
    begin, size = next(
        (int(parts[0], 16), int(parts[1], 16))
        for line in said.splitlines()
        if (parts := line.split())[-1] == name
    )
    found: dict[Block, float] = {}
    for line in blocks.read_text().splitlines():
        address, instructions, times = line.split()
        if begin <= int(address, 16) < begin + size:
            found[int(address, 16), int(instructions)] = float(times)
    return found


if __name__ == "__main__":
    sys.exit(guard(main, as_json=False, debug=False))
