"""Numbers as C text.

array("uint8_t", "weights_0", data)     # static const SPB_ALIGNED(4) uint8_t weights_0[3] = {...};
"""

from __future__ import annotations

import keyword
import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spanbit.errors import ExitCode, SpanbitError

_COLUMNS = 100
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_KEYWORDS = frozenset(
    [
        *keyword.kwlist,  # most of C++'s are among them
        *("auto", "break", "case", "char", "const", "default", "delete", "do", "double", "enum", "extern"),
        *("float", "goto", "inline", "int", "long", "register", "restrict", "short", "signed", "sizeof"),
        *("static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "bool", "catch"),
        *("explicit", "export", "friend", "mutable", "namespace", "new", "operator", "private", "protected"),
        *("public", "template", "this", "throw", "typename", "using", "virtual", "xor", "asm"),
    ]
)
_DTYPES: dict[str, np.dtype[Any]] = {
    "uint8_t": np.dtype("u1"),
    "int8_t": np.dtype("i1"),
    "uint16_t": np.dtype("<u2"),
    "int16_t": np.dtype("<i2"),
    "int32_t": np.dtype("<i4"),
    "uint32_t": np.dtype("<u4"),
}


def identifier(name: str) -> str:
    """A C identifier of lower case that is like `name`.

    Raises:
        SpanbitError: USAGE: nothing of it can be one.
    """
    made = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if made[:1].isdigit():
        made = f"net_{made}"
    if not _NAME.fullmatch(made) or made in _KEYWORDS or made.startswith("spb_"):
        raise SpanbitError(
            f"{name!r} cannot begin names in C",
            fix="give another: --name camera",
            code=ExitCode.USAGE,
        )
    return made


def array(kind: str, name: str, data: bytes) -> str:
    """A constant array of one of `_DTYPES` from little-endian bytes, aligned to 4 for the kernels."""
    dtype: np.dtype[Any] = _DTYPES[kind]
    values: NDArray[Any] = np.frombuffer(data, dtype)
    lines, line = [], "   "
    for value in values.tolist():
        text = f" {_literal(value, kind)},"
        if len(line) + len(text) > _COLUMNS:
            lines.append(line)
            line = "   "
        line += text
    lines.append(line)
    return f"static const SPB_ALIGNED(4) {kind} {name}[{len(values)}] = {{\n" + "\n".join(lines) + "\n};\n"


def _literal(value: int, kind: str) -> str:
    if kind == "int32_t" and value == -(1 << 31):
        return "INT32_MIN"  # 2147483648 is no int
    return f"{value}u" if kind.startswith("u") else str(value)


def float_literal(value: float) -> str:
    """Of a float32, exactly."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no C literal")
    return f"{float(value).hex()}f"
