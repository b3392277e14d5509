"""Releases as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from rich.table import Table
from rich.text import Text

from spanbit_deploy.release.listing import Listed


def releases_table(found: Sequence[Listed]) -> Table:
    """A row a release; times are by the board's clock, in UTC."""
    table = Table("name")
    table.add_column("release", no_wrap=True)
    for title in ("", "runner for", "since (UTC)"):
        table.add_column(title)
    table.add_column("KiB", justify="right")
    table.add_column("signed")
    for one in found:
        when = datetime.fromtimestamp(one.since, timezone.utc)
        since = when.strftime("%Y-%m-%d %H:%M") if one.since else "?"
        state = Text("current", "green") if one.current else Text("")
        signed = "yes" if one.signed else "no"
        table.add_row(Text(one.name), one.digest, state, Text(one.target), since, f"{one.kib:,}", signed)
    return table
