"""How a failure is shown and what the process exits with.

    sys.exit(guard(lambda: command.main(standalone_mode=False), as_json=False, debug=False))

A user's mistake is a SpanbitError: four parts on stderr, no traceback. Anything else is our mistake.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable

import click

from spanbit.errors import ExitCode, SpanbitError


def print_error(error: SpanbitError, *, as_json: bool) -> None:
    """The four parts on standard error, as text or as one JSON object."""
    parts = {"error": error.what, "where": error.where, "why": error.why, "fix": error.fix}
    if as_json:
        print(json.dumps({**parts, "code": int(error.code)}), file=sys.stderr)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    for label, text in parts.items():
        if text:
            style = "bold red" if label == "error" else "bold"
            # Text, not markup: a file named "[red]" must be printed as it is.
            console.print(Text.assemble((f"{label}: ".rjust(7), style), text), highlight=False)


def guard(action: Callable[[], object], *, as_json: bool, debug: bool) -> int:
    """Runs `action` and gives the exit code that its end deserves."""
    try:
        result = action()
    except SpanbitError as error:
        if debug:
            traceback.print_exc()
        print_error(error, as_json=as_json)
        return int(error.code)
    except click.ClickException as error:
        if as_json:
            print_error(SpanbitError(error.format_message(), code=ExitCode.USAGE), as_json=True)
        else:
            error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        print_error(SpanbitError("interrupted", code=ExitCode.INTERRUPTED), as_json=as_json)
        return int(ExitCode.INTERRUPTED)
    except Exception as error:
        if debug:
            traceback.print_exc()
        text = f"internal error: {type(error).__name__}: {error}"
        fix = "run it again with `spanbit --debug ...` and report the traceback"
        print_error(SpanbitError(text, fix=fix, code=ExitCode.INTERNAL), as_json=as_json)
        return int(ExitCode.INTERNAL)
    return result if isinstance(result, int) else 0
