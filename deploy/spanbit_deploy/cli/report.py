"""`spanbit report html|markdown`: a profile as a page (the other reports are the sdk's).

spanbit report html runs/pi --against runs/before
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from spanbit.cli.files import write_atomic

if TYPE_CHECKING:
    from spanbit_deploy.profile.record import Profile

_RUN = click.argument("run", type=click.Path(path_type=Path))
_OUT = click.option(
    "--out", type=click.Path(path_type=Path), help="Page to write.  [default: the run's name]"
)
_AGAINST = click.option("--against", type=click.Path(path_type=Path), help="An earlier run, to compare with.")


@click.command(epilog="Example: spanbit report html runs/pi --against runs/before --out pi.html")
@_RUN
@_AGAINST
@_OUT
def html(run: Path, against: Path | None, out: Path | None) -> None:
    """One self-contained HTML page of RUN, what `spanbit profile --out` has written."""
    from spanbit_deploy.profile.page import html_page

    _write(run, against, out, html_page, ".html")


@click.command(epilog="Example: spanbit report markdown runs/pi --out pi.md")
@_RUN
@_AGAINST
@_OUT
def markdown(run: Path, against: Path | None, out: Path | None) -> None:
    """The same as Markdown, for an issue or a wiki."""
    from spanbit_deploy.profile.page import markdown_page

    _write(run, against, out, markdown_page, ".md")


def _write(run: Path, against: Path | None, out: Path | None, page: Any, ending: str) -> None:
    from spanbit_deploy.profile.compare import compare
    from spanbit_deploy.profile.record import read_record

    profile: Profile = read_record(run)
    compared = () if against is None else compare(read_record(against), profile)
    text: str = page(profile, compared=compared, against="" if against is None else str(against))
    place = out or Path(run.resolve().with_suffix(ending).name)
    write_atomic(place, text.encode())
    click.echo(f"written: {place}")
