"""Options that several commands have, declared once.

@click.command()
@TIMEOUT
@ACCEPT_HOST_KEY
def command(timeout: float, accept_host_key: str) -> None: ...
"""

from __future__ import annotations

import click

TIMEOUT = click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that the runner may take, all rounds together.",
)
ACCEPT_HOST_KEY = click.option(
    "--accept-host-key",
    default="",
    metavar="SHA256:...",
    help="Accept and store the unknown SSH host key with exactly this fingerprint.",
)
WAIT = click.option(
    "--wait",
    default=300.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Seconds to wait while somebody else uses the board.",
)
CHECK_TIMEOUT = click.option(
    "--timeout",
    default=120.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that each check on the board may take.",
)
