"""The configuration header: names of its own, and what the runtime may leave out (runtime_c/src/limits.h)."""

from __future__ import annotations

from collections.abc import Sequence

from spanbit.bundle.records import FLAG_PADDING, OpCode
from spanbit.export.layers import LayerText
from spanbit.export.plan import FirmwarePlan
from spanbit.graph import OutputKind, Shape
from spanbit.passes.layout import lanes, row_bytes

_STEM_CHANNELS = 32  # laid out at a time: a little time against stack
_STEM_TILE, _STEM_STEP = 2, {4: 6, 16: 16}  # of the tiles of plain C and MVE
_ZERO_PADDING = 2


def config_header(
    name: str, plan: FirmwarePlan, layers: Sequence[LayerText], functions: Sequence[str]
) -> str:
    """Of a network whose files define `functions`."""
    values = limits(layers, plan) | ({} if plan.rows is None else row_limits(layers, plan.rows.layers))
    guard = f"{name.upper()}_CONFIG_H"
    defines = [f"#define {key} {value}" for key, value in values.items()]
    renamed = [f"#define {function} {name}_{function}" for function in functions]
    return "\n".join(
        [
            f"/* How the runtime is built for {name}: every .c file includes this first. */",
            f"#ifndef {guard}",
            f"#define {guard}",
            "",
            "#include <string.h>",
            "",
            "/* Loads and stores, which a compiler that is told -ffreestanding would make calls of. */",
            "#if defined(__GNUC__)",
            *(f"#define {function} __builtin_{function}" for function in ("memcpy", "memset")),
            "#endif",
            "",
            f"/* The tables are those of a machine with words of {plan.word_bytes} bytes. */",
            *_word(plan.word_bytes),
            "",
            "/* No more than this network needs (runtime/limits.h). */",
            *defines,
            "",
            "/* Names of its own, so that two networks link together. */",
            *renamed,
            "",
            "#endif",
            "",
        ]
    )


def _word(word_bytes: int) -> list[str]:
    """What chooses the kernels' word; MVE's layout runs on a 64-bit host too, to be tested there."""
    if word_bytes == 4:
        return ["#define SPB_FORCE_SCALAR 32"]
    return [
        "#if !defined(__ARM_FEATURE_MVE) || !(__ARM_FEATURE_MVE & 1)",
        "#if !defined(__SIZEOF_INT128__)",
        '#error "made for a core with MVE (Helium): export for a target of its own isa, scalar32"',
        "#endif",
        f"#define SPB_FORCE_SCALAR {8 * word_bytes}",
        "#endif",
    ]


def limits(layers: Sequence[LayerText], plan: FirmwarePlan) -> dict[str, int]:
    """The macros of limits.h."""
    trees = [layer for layer in layers if layer.op is OpCode.TREE]
    taps = max(
        (
            int(layer.record["kernel_h"]) * int(layer.record["kernel_w"]) * int(layer.record["source"][0])
            for layer in layers
            if layer.op is OpCode.STEM
        ),
        default=1,
    )
    bits = [layer for layer in trees if layer.output is OutputKind.BITS]
    padded = (int(layer.record["flags"]) & FLAG_PADDING == _ZERO_PADDING for layer in bits)
    return {
        "SPB_PLANE_ALIGN": plan.plane_align,
        "SPB_PLANES_LIMIT": max((int(layer.record["planes"]) for layer in trees), default=1),
        "SPB_TREE_LANES": sum({_lanes(layer, plan.word_bytes) for layer in trees}) or 1,
        "SPB_TREE_SUMS": int(len(bits) < len(trees)),
        "SPB_TREE_BORDER": int(any(padded)),
        "SPB_PACKED_NODES": 1,
        "SPB_TAP_ALIGNS": sum({min(row_bytes(int(layer.record["result"][2])), 4) for layer in trees}) or 1,
        "SPB_STEM_TAPS": taps,
        "SPB_STEM_WEIGHTS": (taps + _STEM_STEP[plan.word_bytes]) * max(_STEM_TILE, _STEM_CHANNELS),
        "SPB_STEM_CHANNELS": _STEM_CHANNELS,
    }


def row_limits(layers: Sequence[LayerText], front: int) -> dict[str, int]:
    """Those of an image that comes row by row, through the first `front` layers."""
    pools = [layer.output for layer in layers[1:front]]
    return {
        "SPB_ROWS_BITS_POOL": int(OutputKind.BITS in pools),
        "SPB_ROWS_REAL_POOL": int(any(output is not OutputKind.BITS for output in pools)),
    }


def _lanes(layer: LayerText, word_bytes: int) -> int:
    """How many lanes of a layer's images share a word."""
    channels, height, width = (int(side) for side in layer.record["result"])
    return lanes(Shape(channels, height, width), word_bytes)
