"""A bundle as C files: the network's own ones, and copies of the runtime's sources that it needs.

net = c_network(read_bundle(data), "digits", Tables.FLASH)
net.files           # {"include/digits.h": b"...", "src/digits.c": ..., "src/runtime/kernels/head.c": ...}
net.const_bytes, net.arena_bytes

include/NAME.h          three functions, the shapes as constants
src/NAME.c              weights, tables, layers in their order
src/NAME_check.c        a golden image and what must come of it; may be left out of a build
src/NAME_config.h       what the copies of the runtime are built with
src/NAME_layers.h       what the two .c files share
src/runtime/            the copies
"""

from __future__ import annotations

from dataclasses import dataclass

from spanbit.bundle import Bundle
from spanbit.bundle.records import OpCode
from spanbit.export import c_source, sources
from spanbit.export.c_text import identifier
from spanbit.export.config import config_header
from spanbit.export.expand import expanded_tables
from spanbit.export.layers import LAYER_BYTES, LayerText, layer_text
from spanbit.export.plan import FirmwarePlan, Input, Tables, plan_firmware
from spanbit.graph import OutputKind
from spanbit.targets import word_bytes

RUNTIME = "src/runtime"


@dataclass(frozen=True, eq=False)
class CNetwork:
    """C files by their path, and what they take. Every file is UTF-8 with newlines."""

    name: str
    plan: FirmwarePlan
    layers: tuple[LayerText, ...]
    files: dict[str, bytes]

    @property
    def const_bytes(self) -> int:
        """Flash of weights, tables and layers; without the golden image."""
        return sum(layer.const_bytes + LAYER_BYTES for layer in self.layers)

    @property
    def arena_bytes(self) -> int:
        """RAM, beside the stack, the image and the output."""
        return self.plan.compiled.arena_bytes

    @property
    def c_files(self) -> list[str]:
        """All that is compiled, the check last."""
        names = [name for name in self.files if name.endswith(".c")]
        return sorted(names, key=lambda name: (name.endswith("_check.c"), name))


def c_network(
    bundle: Bundle, name: str, tables: Tables, isa: str = "scalar32", *, given: Input = Input.IMAGE
) -> CNetwork:
    """The C files of a network; `name` begins all names in them, `isa` is the target's, `given` says how the
    image comes.

    Raises:
        SpanbitError: USAGE: `name` is none in C; TOOLCHAIN: no C compiler here, for the tables.
    """
    name = identifier(name)
    plan = plan_firmware(bundle, tables, word_bytes(isa), given=given)
    expanded = expanded_tables(plan)
    layers = tuple(layer_text(plan, expanded, index) for index in range(len(plan.table_bytes)))
    runtime = sources.with_headers(_needed(plan, layers))
    # The decoder's too, so that the kernels are built alike whatever the tables are.
    functions = sources.functions(runtime | sources.with_headers(sources.DECODER))
    texts = {
        f"include/{name}.h": c_source.header(name, plan, layers, bundle),
        f"src/{name}.c": c_source.network(name, plan, layers),
        f"src/{name}_layers.h": c_source.layers_header(name, plan, layers),
        f"src/{name}_config.h": config_header(name, plan, layers, functions),
    }
    if bundle.golden:
        texts[f"src/{name}_check.c"] = c_source.check(name, plan, layers, bundle)
    for path, text in runtime.items():
        up = "../" * (path.count("/") + 1)
        begin = f'#include "{up}{name}_config.h"\n' if path.endswith(".c") else ""
        texts[f"{RUNTIME}/{path}"] = begin + text
    return CNetwork(name, plan, layers, {path: text.encode() for path, text in sorted(texts.items())})


def _needed(plan: FirmwarePlan, layers: tuple[LayerText, ...]) -> set[str]:
    names = sources.kernel_files(layer.op for layer in layers)
    front = 0
    if plan.rows is not None:
        front = plan.rows.layers
        names |= sources.row_files(layer.output is OutputKind.BITS for layer in layers[1:front])
    pools = [layer for layer in layers[front:] if layer.op is OpCode.POOL]
    names |= {sources.POOLS[c_source.pool_function(layer)] for layer in pools}
    trees = [layer for layer in layers if layer.op is OpCode.TREE]
    if any(layer.output is not OutputKind.BITS for layer in trees):
        names |= set(sources.TREE_SUMS)
    if trees and plan.tables is not Tables.FLASH:
        names |= set(sources.DECODER)
    last = layers[-1]
    if last.op in (OpCode.TREE, OpCode.DENSE) and last.output is OutputKind.FLOAT32:
        names |= set(sources.FLOATS)
    return names | set(sources.CHECK) | {"layer.h"}
