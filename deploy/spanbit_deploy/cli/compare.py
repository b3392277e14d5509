"""`spanbit compare`: what has changed between two profiles, and how sure that is.

spanbit compare runs/before runs/after --fail-over 5
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from spanbit.errors import ExitCode, SpanbitError

_RUN = click.Path(path_type=Path)


@click.command(epilog="Example: spanbit compare runs/before runs/after --fail-over 5")
@click.argument("before", type=_RUN)
@click.argument("after", type=_RUN)
@click.option(
    "--fail-over",
    type=click.FloatRange(min=0),
    metavar="PERCENT",
    help="Exit with 10 if the total is slower by more, with 95 % confidence.",
)
@click.option("--invalid-ok", is_flag=True, help="Compare runs whose times do not count all the same.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(before: Path, after: Path, fail_over: float | None, invalid_ok: bool, as_json: bool) -> None:
    """Compare two runs, folders or profile.json: each layer's median time, AFTER over BEFORE."""
    from rich.console import Console

    from spanbit_deploy.profile.compare import compare as compared
    from spanbit_deploy.profile.record import read_record
    from spanbit_deploy.profile.tables import compared_view

    first, second = read_record(before), read_record(after)
    for path, profile in ((before, first), (after, second)):
        if profile.problems and not invalid_ok:
            raise SpanbitError(
                "the times of this run do not count",
                where=str(path),
                why="; ".join(profile.problems),
                fix="profile again (--cool-below waits), or compare all the same with --invalid-ok",
            )
    found = compared(first, second)
    if as_json:
        said = [{**asdict(part), "verdict": part.total.verdict} for part in found]
        click.echo(json.dumps({"before": str(before), "after": str(after), "settings": said}, indent=1))
    else:
        for part in found:
            Console().print(compared_view(part))
    if fail_over is None:
        return
    slower = [part for part in found if part.total.low > 1 + fail_over / 100]
    if slower:
        worst = max(slower, key=lambda part: part.total.ratio).total
        raise SpanbitError(
            f"slower by {worst.ratio - 1:.1%}, more than {fail_over:g} %",
            where=str(after),
            why=f"95 % confidence: {worst.low - 1:.1%} to {worst.high - 1:.1%} slower than {before}",
            code=ExitCode.SLOWER,
        )
