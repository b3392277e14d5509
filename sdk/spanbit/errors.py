"""One exception type for every mistake a user can make.

    raise SpanbitError("cannot read the bundle", where="demo.spb", why="it is 12 bytes long, a header is 64",
                       fix="compile it again with `spanbit compile`", code=ExitCode.BAD_BUNDLE)

The command line prints the four parts and exits with `code`; a traceback is for our mistakes only.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Process exit codes of `spanbit`; stable, documented in docs/cli.md."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    BAD_INPUT = 3
    BAD_BUNDLE = 4
    UNSUPPORTED_MODEL = 5
    BOARD = 6
    TOOLCHAIN = 7
    GOLDEN_MISMATCH = 8
    TIMEOUT = 9
    SLOWER = 10
    INTERRUPTED = 130


class SpanbitError(Exception):
    """What was wrong, where, why, and what to do about it."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        fix: str = "",
        code: ExitCode = ExitCode.BAD_INPUT,
    ) -> None:
        self.what, self.where, self.why, self.fix, self.code = what, where, why, fix, code
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [self.what if not self.where else f"{self.where}: {self.what}"]
        if self.why:
            parts.append(f"why: {self.why}")
        if self.fix:
            parts.append(f"fix: {self.fix}")
        return "\n".join(parts)


def not_installed(
    what: str, missing: ImportError, *, extra: str, where: str = "", more: str = ""
) -> SpanbitError:
    """The error where a package of one of spanbit's extras is missing: `what` says what needs which package.

        raise not_installed("drawing needs matplotlib", missing, extra="plots") from missing

    `more` goes on after the fix.
    """
    return SpanbitError(
        f"{what}, which is not installed",
        where=where,
        why=str(missing),
        fix=f"pip install 'spanbit[{extra}]'{more}",
    )
