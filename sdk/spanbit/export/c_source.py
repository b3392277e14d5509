"""The network's own C files, but for its configuration (config.py)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

from spanbit.bundle import Bundle
from spanbit.bundle.records import NO_LAYER, OpCode
from spanbit.export import c_rows
from spanbit.export.c_text import array, float_literal
from spanbit.export.layers import LayerText
from spanbit.export.plan import ARENA_ALIGN, FirmwarePlan, Tables
from spanbit.graph import OutputKind

_NUMBERS = {OutputKind.INT16: "int16_t", OutputKind.INT32: "int32_t", OutputKind.FLOAT32: "float"}
_HEADS = (OpCode.HEAD, OpCode.REAL_HEAD)
_TABLES = {
    Tables.FLASH: "the trees' tables are in flash, executed in place",
    Tables.EXPANDED: "the trees' tables are encoded in flash, and expanded into the arena by {name}_init",
    Tables.ENCODED: "the trees' tables are encoded in flash, and expanded into the arena for each run",
}


_USE = """ *     if ({name}_init(arena) == {upper}_OK)
 *         {name}_run(arena, image, output);"""


def output_type(layers: Sequence[LayerText]) -> str:
    """C type of the numbers that the network delivers."""
    return _NUMBERS[layers[-1].output]


def header(name: str, plan: FirmwarePlan, layers: Sequence[LayerText], bundle: Bundle) -> str:
    """include/NAME.h"""
    upper, graph, last = name.upper(), plan.compiled.graph, plan.compiled.layers[-1]
    made = version("spanbit")
    sides = graph.input
    outputs = last.result.channels * last.result.height * last.result.width
    how = _TABLES[plan.tables].format(name=name)
    rows = plan.rows is not None
    check = f"""
/* Runs the golden image that the compiler stored, and compares every layer, bit for bit. The result is
 * {upper}_OK, or 1 + the first layer that differs, or {upper}_LAYERS + 1: only the output's last line, in
 * floating point, does. It is in {name}_check.c, which a product may leave out. */
int {name}_check(void *arena, {name}_output *output);
"""
    return f"""/* {name}: a binary network, compiled by spanbit {made}; {how}.
 *
 *     static {upper}_ALIGNED unsigned char arena[{upper}_ARENA_BYTES];
 *     {name}_output output[{upper}_OUTPUTS];
{c_rows.USE.format(name=name, upper=upper) if rows else _USE.format(name=name, upper=upper)}
 *
 * No heap, no operating system, no standard library but memcpy, memset, memcmp and memchr, no state outside
 * the arena: the caller owns it, and several may run at the same time. Little-endian cores only.
 */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* The image: uint8 [height][width][channels]. */
#define {upper}_HEIGHT {sides.height}
#define {upper}_WIDTH {sides.width}
#define {upper}_CHANNELS {sides.channels}
#define {upper}_IMAGE_BYTES {sides.height * sides.width * sides.channels}

/* What comes of it: {name}_output [classes][height][width]. */
#define {upper}_CLASSES {last.result.channels}
#define {upper}_OUTPUT_HEIGHT {last.result.height}
#define {upper}_OUTPUT_WIDTH {last.result.width}
#define {upper}_OUTPUTS {outputs}
typedef {output_type(layers)} {name}_output;

#define {upper}_LAYERS {len(layers)}

/* RAM that the caller gives, and keeps from {name}_init on. */
#define {upper}_ARENA_BYTES {plan.compiled.arena_bytes}
#define {upper}_ARENA_ALIGN {ARENA_ALIGN}
#if defined(__GNUC__) || defined(__clang__)
#define {upper}_ALIGNED __attribute__((aligned({upper}_ARENA_ALIGN)))
#else
#define {upper}_ALIGNED
#endif

#define {upper}_OK 0
#define {upper}_ERROR_ARENA (-1)  /* NULL, or not aligned to {upper}_ARENA_ALIGN */
#define {upper}_ERROR_NULL (-2)   /* image or output */
#define {upper}_ERROR_TABLES (-3) /* the flash does not hold what was compiled */
{c_rows.ERROR.format(name=name, upper=upper) if rows else ""}
/* Once, before the first run, and again after the arena was used for something else. */
int {name}_init(void *arena);

/* One image. */
int {name}_run(void *arena, const uint8_t *image, {name}_output *output);
{c_rows.PROTOTYPES.format(name=name, upper=upper) if rows else ""}{check if bundle.golden else ""}
#ifdef __cplusplus
}}
#endif
#endif
"""


def layers_header(name: str, plan: FirmwarePlan, layers: Sequence[LayerText]) -> str:
    """src/NAME_layers.h"""
    guard = f"{name.upper()}_LAYERS_H"
    return f"""/* What {name}.c and {name}_check.c share. */
#ifndef {guard}
#define {guard}

#include "{name}_config.h"

#include "../include/{name}.h"
#include "runtime/layer.h"

extern const spb_layer {name}_layers[{len(layers)}];

/* Layer `index`, whose input stands in the arena. `output` is written by the last. */
void {name}_run_layer(uint8_t *arena, const uint8_t *image, {name}_output *output, uint32_t index);
{"" if plan.rows is None else c_rows.internal(name, plan.rows)}
#endif
"""


def network(name: str, plan: FirmwarePlan, layers: Sequence[LayerText]) -> str:
    """src/NAME.c"""
    upper = name.upper()
    arrays = "\n".join(text for layer in layers for text in layer.arrays)
    structs = "\n".join(_struct(layer) for layer in layers)
    front = 0 if plan.rows is None else plan.rows.layers
    cases = "\n".join(_case(name, plan, layer, index) for index, layer in enumerate(layers) if index >= front)
    includes = ['#include "runtime/kernels/kernels.h"']
    if front:
        includes.append('#include "runtime/kernels/stem_rows.h"')
    decodes = plan.tables is not Tables.FLASH and any(layer.op is OpCode.TREE for layer in layers)
    if decodes:
        includes.append('#include "runtime/tap_stream.h"')
    init = "".join(_expand(name, plan, index, checked=True) for index in _trees(layers)) if decodes else ""
    return f"""/* {name}: weights, and layers in their order. Made by spanbit; do not edit. */
#include "{name}_layers.h"

#include <string.h>

{chr(10).join(includes)}

{arrays}
const spb_layer {name}_layers[{len(layers)}] = {{
{structs}
}};

void {name}_run_layer(uint8_t *arena, const uint8_t *image, {name}_output *output, uint32_t index) {{
    const spb_layer *layer = &{name}_layers[index];
    (void)image;
    (void)output;
    switch (index) {{
{cases}
    default:
        break;
    }}
}}

int {name}_init(void *arena) {{
    if (!arena || (uintptr_t)arena % {upper}_ARENA_ALIGN)
        return {upper}_ERROR_ARENA;
    memset(arena, 0, {upper}_ARENA_BYTES);
{init}    return {upper}_OK;
}}

{_run(name) if plan.rows is None else c_rows.functions(name, plan.rows)}"""


def _run(name: str) -> str:
    upper = name.upper()
    return f"""int {name}_run(void *arena, const uint8_t *image, {name}_output *output) {{
    if (!arena || (uintptr_t)arena % {upper}_ARENA_ALIGN)
        return {upper}_ERROR_ARENA;
    if (!image || !output)
        return {upper}_ERROR_NULL;
    for (uint32_t i = 0; i < {upper}_LAYERS; i++)
        {name}_run_layer((uint8_t *)arena, image, output, i);
    return {upper}_OK;
}}
"""


def _trees(layers: Sequence[LayerText]) -> list[int]:
    return [index for index, layer in enumerate(layers) if layer.op is OpCode.TREE]


def _struct(layer: LayerText) -> str:
    fields = ", ".join(f".{key} = {value}" for key, value in layer.fields.items())
    return f"    {{{fields}}},"


def _expand(name: str, plan: FirmwarePlan, index: int, *, checked: bool) -> str:
    at, scratch = plan.table_at[index], plan.compiled.layers[index].scratch_arena
    if not checked:
        return f"        (void)spb_tap_stream_expand(layer, arena + {at}, arena + {scratch});\n"
    layer, table = f"&{name}_layers[{index}]", f"(uint8_t *)arena + {at}"
    return f"""    if (spb_tap_stream_expand({layer}, {table}, (uint8_t *)arena + {scratch}))
        return {name.upper()}_ERROR_TABLES;
"""


def _case(name: str, plan: FirmwarePlan, layer: LayerText, index: int) -> str:
    """A layer's call; what its tensors are is in the kernels' prototypes."""
    places = plan.compiled.layers[index]
    at_in, at_out = f"arena + {places.in_arena}", f"arena + {places.out_arena}"
    scratch, second = f"arena + {places.scratch_arena}", f"arena + {places.second_arena}"
    reals_in = f"(const int16_t *)(const void *)({at_in})"
    reals_second = f"(const int16_t *)(const void *)({second})"
    reals_out = f"(int16_t *)(void *)({at_out})"
    sums_out = f"(int32_t *)(void *)({at_out})"
    before, layer_name, pointer = "", f"{name}_layers[{index}]", "layer"
    if layer.op in (OpCode.TREE, OpCode.DENSE) and int(layer.record["second"]) != NO_LAYER:
        before = f"        spb_layer placed = {layer_name};\n        spb_layer_place(&placed, arena);\n"
        pointer = "&placed"
    match layer.op:
        case OpCode.STEM:
            call = f"spb_stem_conv({pointer}, image, {at_out}, {scratch})"
        case OpCode.TREE:
            if plan.tables is Tables.ENCODED:
                before += _expand(name, plan, index, checked=False)
            table = f"(const uint8_t *){layer.table}" if layer.table else f"arena + {plan.table_at[index]}"
            call = f"spb_tree_conv({pointer}, {at_in}, {at_out}, {scratch}, {table})"
        case OpCode.DENSE:
            call = f"spb_dense_conv({pointer}, {at_in}, {at_out}, {scratch})"
        case OpCode.POOL:
            function = pool_function(layer)
            operands = f"{reals_in}, {reals_out}" if function == "spb_real_pool" else f"{at_in}, {at_out}"
            call = f"{function}({pointer}, {operands})"
        case OpCode.HEAD:
            call = f"spb_head({pointer}, {at_in}, {scratch}, {sums_out}, output)"
        case OpCode.SIGN:
            call = f"spb_sign({pointer}, {reals_in}, {at_out})"
        case OpCode.PRELU:
            call = f"spb_prelu({pointer}, {reals_in}, {reals_out})"
        case OpCode.AVG_POOL:
            call = f"spb_avg_pool({pointer}, {reals_in}, {reals_out})"
        case OpCode.REAL_CONV:
            call = f"spb_real_conv({pointer}, {reals_in}, {reals_out})"
        case OpCode.REAL_HEAD:
            call = f"spb_real_head({pointer}, {reals_in}, {sums_out}, output)"
        case OpCode.CONCAT:
            call = f"spb_concat({pointer}, {at_in}, {second}, {at_out})"
        case OpCode.ADD:
            call = f"spb_add({pointer}, {reals_in}, {reals_second}, {reals_out})"
    after = _deliver(name, layer, at_out) if index + 1 == len(plan.table_at) else ""
    begin = f"    case {index}: {{ /* {_plain(places.op.name)} */\n"
    return f"{begin}{before}        {call};\n{after}        break;\n    }}"


def _plain(text: str) -> str:
    """Of a layer's name, what cannot end a comment."""
    return (
        "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
        .replace("*/", "* /")
        .replace("\\", "/")
    )


def _deliver(name: str, layer: LayerText, at_out: str) -> str:
    """The last layer's sums to the caller."""
    if layer.op in _HEADS:
        return ""  # its kernel has done it
    if layer.output is OutputKind.FLOAT32:
        return f"        spb_output_floats(layer, {at_out}, output);\n"
    return f"        memcpy(output, {at_out}, {name.upper()}_OUTPUTS * sizeof *output);\n"


def pool_function(layer: LayerText) -> str:
    """Which of the pools' kernels runs a max-pool; as runtime_c/src/run_layer.c chooses."""
    record = layer.record
    if layer.output is not OutputKind.BITS:
        return "spb_real_pool"
    usual = (int(record["kernel_h"]), int(record["stride"]), int(record["padding"])) == (2, 2, 0)
    leaves_image = any(
        2 * int(out) > int(side) for out, side in zip(record["result"][1:], record["source"][1:], strict=True)
    )
    return "spb_max_pool" if usual and not leaves_image else "spb_any_pool"


def check(name: str, plan: FirmwarePlan, layers: Sequence[LayerText], bundle: Bundle) -> str:
    """src/NAME_check.c: the first golden record."""
    upper, golden = name.upper(), bundle.golden[0]
    crcs = b"".join(crc.to_bytes(4, "little") for crc in golden.layer_crcs)
    floats = layers[-1].output is OutputKind.FLOAT32
    logits = compare = ""
    rows, first, run = plan.rows, "0", f"{name}_run_layer(bytes, image, output, i);"
    if rows is not None:  # of the first layers only the last one's output is ever whole
        first = f"{upper}_ROW_LAYERS - 1"
        run = f"if (i >= {upper}_ROW_LAYERS)\n            {run}"
    if floats:
        numbers = ",\n    ".join(float_literal(value) for value in golden.logits.tolist())
        logits = f"static const float logits[{golden.logits.size}] = {{\n    {numbers}}};\n"
        compare = f"""    for (uint32_t i = 0; i < {upper}_OUTPUTS; i++) {{
        float size = logits[i] < 0.0f ? -logits[i] : logits[i];
        float off = output[i] < logits[i] ? logits[i] - output[i] : output[i] - logits[i];
        if (!(off <= 1e-5f * (1.0f + size)))
            return {upper}_LAYERS + 1; /* NaN too */
    }}
"""
    return f"""/* {name}: a golden image and what must come of it. Made by spanbit; do not edit. */
#include "{name}_layers.h"

#include "runtime/crc32.h"

{array("uint8_t", "image", golden.image.tobytes())}
{array("uint32_t", "digests", crcs)}
{logits}
static uint32_t digest(const spb_layer *layer, const uint8_t *out) {{
    if (layer->output)
        return spb_crc32(0, out, (size_t)spb_sum_count(layer) * spb_sum_bytes(layer->output));
    uint32_t crc = 0;
    for (uint32_t c = 0; c < layer->out.channels; c++, out += layer->out.plane_bytes)
        crc = spb_crc32(crc, out, (size_t)layer->out.height * layer->out.row_bytes);
    return crc;
}}

int {name}_check(void *arena, {name}_output *output) {{
    uint8_t *bytes = arena;
    int status = {name}_init(arena);
    if (!output)
        return {upper}_ERROR_NULL;
    if (status != {upper}_OK)
        return status;
{"" if rows is None else c_rows.check(name)}    for (uint32_t i = {first}; i < {upper}_LAYERS; i++) {{
        {run}
        if (digest(&{name}_layers[i], bytes + {name}_layers[i].out_arena) != digests[i])
            return (int)i + 1;
    }}
{compare}    return {upper}_OK;
}}
"""
