"""The build cache: a program's file name is the digest of everything that it was made from.

    <cache>/build/<digest>/<output name>

The digest covers the command line, what the compiler says of its version, and the content of all sources
and of all headers beside them and in the include folders. An entry is made in a temporary folder and moved
into place whole, so two processes may build at once and an interrupted one leaves nothing that is taken for
good. SPANBIT_CACHE names another folder than the user's cache.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import platformdirs

from spanbit.errors import ExitCode, SpanbitError

_TIMEOUT_S = 600  # zig compiles a C library at its first call for a target


def cache_dir() -> Path:
    """Where built files are kept; made by `build`."""
    override = os.environ.get("SPANBIT_CACHE")
    return Path(override) if override else Path(platformdirs.user_cache_dir("spanbit", appauthor=False))


def build(
    command: Sequence[str], sources: Sequence[Path], *, include: Sequence[Path], output_name: str
) -> Path:
    """The program (or library) that `command`, a compiler with its flags, makes of `sources`.

    Args:
        command: for example ("aarch64-linux-gnu-gcc", "-O3", "-static"); gets -I, the sources and -o.
        include: folders for -I; a change of a header in them, or beside a source, makes a new build.
        output_name: the file's name.

    Raises:
        SpanbitError: TOOLCHAIN: the compiler is missing, or refuses the code (its words are in `why`).
    """
    digest = _digest(command, sources, include, output_name)
    folder = cache_dir() / "build" / digest
    output = folder / output_name
    if output.is_file():
        return output
    temporary = Path(_made(folder.parent, digest))
    try:
        arguments = [
            *(f"-I{path}" for path in include),
            *map(str, sources),
            "-o",
            str(temporary / output_name),
        ]
        _run([*command, *arguments], command[0])
        try:
            os.replace(temporary, folder)
        except OSError:
            if not output.is_file():  # else another process was first with the same content
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return output


def _made(parent: Path, digest: str) -> str:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkdtemp(prefix=f"{digest[:8]}.", dir=parent)
    except OSError as error:
        raise SpanbitError(
            "cannot write the build cache",
            where=str(parent),
            why=error.strerror or str(error),
            fix="set SPANBIT_CACHE to a folder that can be written",
            code=ExitCode.TOOLCHAIN,
        ) from error


def _digest(
    command: Sequence[str], sources: Sequence[Path], include: Sequence[Path], output_name: str
) -> str:
    content = hashlib.sha256()
    # Length before text: ("a", "bc") and ("ab", "c") must differ.
    for part in (*command, _version(tuple(command)), output_name):
        content.update(f"{len(part)}:{part}".encode())
    folders = sorted({*(path.parent for path in sources), *include})
    headers = [path for folder in folders for path in sorted(folder.glob("*.h"))]
    for path in (*sources, *headers):
        data = path.read_bytes()
        content.update(f"{path.name}:{len(data)}:".encode())
        content.update(data)
    return content.hexdigest()[:32]


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    # With all flags: in `python -m ziglang cc -target ...` the first word is not the compiler.
    return _run([*command, "--version"], command[0])


def _run(command: Iterable[str], compiler: str) -> str:
    words = list(command)
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        raise SpanbitError(
            f"the compiler {compiler!r} cannot be started",
            why=error.strerror or str(error),
            fix="install it; `spanbit doctor` says how",
            code=ExitCode.TOOLCHAIN,
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SpanbitError(
            f"the compiler {compiler!r} took more than {_TIMEOUT_S} s", code=ExitCode.TOOLCHAIN
        ) from error
    if done.returncode != 0:
        raise SpanbitError(
            "the C compiler failed",
            where=" ".join(words[:8]) + (" ..." if len(words) > 8 else ""),
            why=done.stderr.strip()[-2000:] or f"exit code {done.returncode}",
            fix="check the target's flags against this compiler",
            code=ExitCode.TOOLCHAIN,
        )
    return done.stdout
