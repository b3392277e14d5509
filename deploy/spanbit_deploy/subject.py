"""What `run` and `profile` run: a bundle's file, or a release that is on the board; with its images.

wanted = Wanted(Path("demo.spb"), on="board", target=None, release="", images=None, labels=None, count=200)
subject = wanted.on_board(board)         # over an open connection
subject.bundle, subject.images, subject.choice, subject.release
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spanbit.errors import ExitCode, SpanbitError

from spanbit_deploy.bundle_file import BundleFile, bundle_name, load_bundle
from spanbit_deploy.fetch import fetch_release
from spanbit_deploy.images import Images, load_images
from spanbit_deploy.place import TargetChoice, choose_target
from spanbit_deploy.release import Release
from spanbit_deploy.transports import Transport


@dataclass(frozen=True)
class Subject:
    """All that there is to run; `release` is None where it must be put on the board first."""

    bundle: BundleFile
    images: Images | None
    choice: TargetChoice
    release: Release | None


@dataclass
class Wanted:
    """What the user has asked for. Files that are here are read at once: before anybody is called.

    Raises:
        SpanbitError: USAGE: it contradicts itself; what reading the files raises.
    """

    path: Path
    on: str
    target: str | None
    release: str  # "": none; "current", or a digest
    images: Path | None
    labels: Path | None
    count: int
    _here: BundleFile | None = field(init=False, default=None)
    _pictures: Images | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.release and self.target:
            raise SpanbitError(
                "--release runs the runner that is on the board",
                why="--target is for a runner that is built now",
                fix="leave one of them out",
                code=ExitCode.USAGE,
            )
        if not self.release:
            self._here = load_bundle(self.path)
            self._pictures = self._load(self._here)

    def on_board(self, board: Transport) -> Subject:
        """The rest, from the board.

        Raises:
            SpanbitError: BOARD: the release is not there, or damaged; no target fits.
        """
        if self._here is None:
            there = fetch_release(board, bundle_name(self.path), self.release)
            return Subject(there.bundle, self._load(there.bundle), TargetChoice(there.target), there.release)
        choice = choose_target(self.on, board, bundle_target=self._here.target, wanted=self.target)
        return Subject(self._here, self._pictures, choice, None)

    def _load(self, bundle: BundleFile) -> Images | None:
        return load_images(
            self.images, self.labels, bundle_path=self.path, shape=bundle.input, count=self.count
        )
