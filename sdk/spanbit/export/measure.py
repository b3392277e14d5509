"""Code and stack of C files, measured with the target's own compiler.

measured = measure(net, load_target("cortex-m4"))
measured.code_bytes, measured.stack_bytes       # None: not measured, `why` says why

Code is what the sections of the object files say, all of it, as if nothing were thrown away at linking. The
stack is the deepest path of calls from NAME_run, by gcc's -fstack-usage and -fcallgraph-info; what the
compiler's own library needs comes on top.
"""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError
from spanbit.export.network import RUNTIME, CNetwork
from spanbit.resources import data_dir
from spanbit.targets import Target, Toolchain, installed_toolchain

_TIMEOUT_S = 300
_NODE = re.compile(r'node: \{ title: "([^"]*)" label: "[^"]*?(\d+) bytes \((\w+)[^"]*"')
_EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
_ALLOC, _EXEC, _NOBITS = 2, 4, 8


@dataclass(frozen=True)
class Measured:
    """Bytes; None where they could not be measured."""

    code_bytes: int | None
    stack_bytes: int | None
    compiler: str
    why: str = ""


def measure(net: CNetwork, target: Target) -> Measured:
    """Compiles the network, its check left out, into a temporary folder.

    Raises:
        SpanbitError: TOOLCHAIN: the compiler refuses the files.
    """
    toolchain = installed_toolchain(target)
    if toolchain is None:
        names = " or ".join(known.install for known in target.toolchains)
        return Measured(None, None, "", f"no compiler for {target.name} is installed: {names}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for path, data in net.files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        sources = [path for path in net.c_files if not path.endswith(("_check.c", "crc32.c"))]
        is_gcc = toolchain.name == "gcc"
        compiled = [_compiled(net, toolchain, root, source) for source in sources]
    code = sum(code for code, _ in compiled)
    graphs = [graph for _, graph in compiled]
    stack = deepest(graphs, f"{net.name}_run") if is_gcc else None
    return Measured(
        code, stack, toolchain.name, "" if is_gcc else "only gcc says what stack a function takes"
    )


_known: dict[str, tuple[int, str]] = {}  # the kernels are the same for every choice of tables


def _compiled(net: CNetwork, toolchain: Toolchain, root: Path, source: str) -> tuple[int, str]:
    """Bytes of code of one file, and its call graph, if the compiler is gcc."""
    shared = source.startswith(RUNTIME)
    inputs = [source, f"src/{net.name}_config.h"] if shared else sorted(net.files)
    key = hashlib.sha256(repr((toolchain, source, [net.files[path] for path in inputs])).encode()).hexdigest()
    if key not in _known:
        is_gcc = toolchain.name == "gcc"
        _compile(toolchain, root, source, is_gcc)
        graph = (root / "out.ci").read_text() if is_gcc else ""
        _known[key] = _code_bytes((root / "out.o").read_bytes()), graph
    return _known[key]


def _compile(toolchain: Toolchain, root: Path, source: str, is_gcc: bool) -> None:
    libc = data_dir("runtime_c") / "firmware" / "libc"
    words = [
        *toolchain.command,
        *toolchain.flags,
        "-std=c11",
        f"-I{root / 'include'}",
        "-idirafter",
        str(libc),
    ]
    if is_gcc:
        words += ["-fstack-usage", "-fcallgraph-info=su"]
    words += ["-c", str(root / source), "-o", str(root / "out.o")]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpanbitError(
            f"the compiler {words[0]!r} does not run", why=str(error), code=ExitCode.TOOLCHAIN
        ) from error
    if done.returncode:
        raise SpanbitError(
            "the C compiler refuses an exported file",
            where=source,
            why=done.stderr.strip()[-2000:],
            fix="check the target's flags against this compiler",
            code=ExitCode.TOOLCHAIN,
        )


def _code_bytes(elf: bytes) -> int:
    """Bytes of the sections of a 32-bit object file that hold instructions."""
    offset, entry, count = (
        *struct.unpack_from("<I", elf, 0x20),
        *struct.unpack_from("<HH", elf, 0x2E),
    )
    total = 0
    for index in range(count):
        kind, flags, _, _, size = struct.unpack_from("<5I", elf, offset + index * entry + 4)
        if kind != _NOBITS and flags & _ALLOC and flags & _EXEC:
            total += size
    return total


def deepest(graphs: Sequence[str], start: str) -> int | None:
    """Stack of the deepest path from `start`, by gcc's call graphs (VCG); None: a frame has no fixed size."""
    frames: dict[str, int] = {}
    calls: dict[str, set[str]] = {}
    for graph in graphs:
        for title, size, kind in _NODE.findall(graph):
            if kind != "static":
                return None
            frames[title] = int(size)
        for source, to in _EDGE.findall(graph):
            calls.setdefault(source, set()).add(to)
    return _depth(_titled(start, frames), frames, calls, {})


def _titled(name: str, frames: Mapping[str, int]) -> str:
    """gcc calls a static function FILE:NAME."""
    return next((title for title in frames if title == name or title.endswith(f":{name}")), name)


def _depth(at: str, frames: Mapping[str, int], calls: Mapping[str, set[str]], known: dict[str, int]) -> int:
    if at not in known:
        known[at] = 0  # a circle would end here; there is none
        below = [_depth(to, frames, calls, known) for to in calls.get(at, ())]
        known[at] = frames.get(at, 0) + max(below, default=0)
    return known[at]
