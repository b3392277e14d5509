"""What runs on a board already: its release, its bundle and the target that its runner was built for.

there = fetch_release(board, "demo", "current")
there.release.digest, there.bundle.input, there.target.name
"""

from __future__ import annotations

from dataclasses import dataclass

from spanbit.targets import Target, list_targets, load_target

from spanbit_deploy.bundle_file import BundleFile, checked_bundle
from spanbit_deploy.place import generic_target
from spanbit_deploy.release import Release, find_release
from spanbit_deploy.release.verify import check_stored
from spanbit_deploy.transports import Transport


@dataclass(frozen=True)
class Fetched:
    """A release that is on the board, verified there, and its bundle."""

    release: Release
    bundle: BundleFile
    target: Target


def fetch_release(board: Transport, name: str, wanted: str) -> Fetched:
    """Reads it over an open connection; `wanted`: `current`, a digest or its beginning.

    Raises:
        SpanbitError: BOARD: it is not there, or damaged; BAD_BUNDLE.
    """
    release = find_release(board, name, wanted)
    check_stored(board, release)
    bundle = checked_bundle(board.get(release.bundle), name, f"{board.name}: {release.bundle}")
    known = release.target in list_targets()
    target = load_target(release.target) if known else generic_target(board)
    return Fetched(release, bundle, target)
