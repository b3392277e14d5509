"""Which files of the C runtime a network needs, and how their names are made its own.

files = runtime_files({OpCode.TREE, OpCode.HEAD}, decodes=False, ...)       # {"kernels/head.c": text, ...}

A function that other files call is renamed by a macro of the network's configuration header, which each copy
includes first: so two networks, even of two versions of spanbit, link together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from spanbit.bundle.records import OpCode
from spanbit.resources import data_dir

_KERNELS: dict[OpCode, tuple[str, ...]] = {
    OpCode.STEM: ("kernels/stem_conv.c",),
    OpCode.TREE: ("kernels/tree_conv.c", "kernels/prepare_planes.c"),
    OpCode.DENSE: ("kernels/dense_conv.c", "kernels/dense_pixels.c", "kernels/requantize.c"),
    OpCode.POOL: (),  # one of the POOLS
    OpCode.HEAD: ("kernels/head.c",),
    OpCode.SIGN: ("kernels/sign.c",),
    OpCode.PRELU: ("kernels/prelu.c",),
    OpCode.AVG_POOL: ("kernels/avg_pool.c",),
    OpCode.REAL_CONV: ("kernels/real_conv.c",),
    OpCode.REAL_HEAD: ("kernels/real_head.c",),
    OpCode.CONCAT: ("kernels/combine.c",),
    OpCode.ADD: ("kernels/combine.c",),
}
POOLS = {
    "spb_max_pool": "kernels/max_pool.c",
    "spb_any_pool": "kernels/any_pool.c",
    "spb_real_pool": "kernels/real_pool.c",
}
"""Function of a max-pool -> its file."""
TREE_SUMS = ("kernels/tree_sums.c", "kernels/requantize.c")
DECODER = ("tap_stream.c", "tap_table.c", "step_tail.c")
FLOATS = ("kernels/output_floats.c",)
CHECK = ("crc32.c",)

_INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)
_FUNCTION = re.compile(r"^(?!static|typedef|extern)[a-z]\w*(?: \w+)* \**(spb_\w+)\(", re.MULTILINE)


def kernel_files(ops: Iterable[OpCode]) -> set[str]:
    """The files of these operators' kernels, but for pools and for what only some trees need."""
    return {name for op in ops for name in _KERNELS[op]}


def row_files(pools_of_bits: Iterable[bool]) -> set[str]:
    """The files for an image that comes row by row, through these pools too."""
    pools = {POOLS["spb_any_pool" if bits else "spb_real_pool"] for bits in pools_of_bits}
    return {"kernels/stem_rows.c"} | pools


def with_headers(names: Iterable[str]) -> dict[str, str]:
    """The files and all headers that they include, by their path below runtime_c/src; spanbit.h beside."""
    source, public = data_dir("runtime_c") / "src", data_dir("runtime_c") / "include"
    found: dict[str, str] = {}
    left = sorted(set(names))
    while left:
        name = left.pop()
        if name in found:
            continue
        path = public / name if name == "spanbit.h" else source / name
        found[name] = path.read_text(encoding="utf-8")
        for included in _INCLUDE.findall(found[name]):
            left.append(_resolved(Path(name).parent, included))
    return dict(sorted(found.items()))


def _resolved(folder: Path, included: str) -> str:
    """The path below src/ of what a file in `folder` includes."""
    if included == "spanbit.h":
        return included
    parts: list[str] = list(folder.parts)
    for part in Path(included).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def functions(files: dict[str, str]) -> list[str]:
    """The functions that the C files define for other files."""
    return sorted(
        {name for path, text in files.items() if path.endswith(".c") for name in _FUNCTION.findall(text)}
    )
