"""Who is told what goes on.

class Bar(Watcher): ...      # cli/watch.py shows it; folder.py keeps it
"""

from __future__ import annotations


class Watcher:
    """Told what goes on; the command line shows it. This one is silent."""

    def stage(self, text: str) -> None:
        """A new stage begins."""

    def bytes_sent(self, sent: int, total: int) -> None:
        """Within the upload."""
