"""Names and places of a release on a board, and what identifies it: the digest of its files.

files = files_of("demo", runner=b"...", bundle=b"...", target="rpi4")
digest_of(manifest_of(files))      # "0f3a..."; the same files are the same release on every board
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from spanbit_deploy.toolchains import RUNNER_NAME

KEEP = 3
"""Releases of a name that stay on a board; the current one and the one before it are among them."""

BOARD_DIR = ".spanbit"
MANIFEST = "SHA256SUMS"
TARGET_FILE = "target"
_DIGEST_CHARS = 16
_DIGEST = re.compile(rf"[0-9a-f]{{{_DIGEST_CHARS}}}")
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\0]+)")


class Step(Enum):
    """What a push does, in this order; the value is what a user reads."""

    LOCK = "taking the board's lock"
    SWEEP = "tidying up"
    LOOK = "looking what is there"
    SEND = "sending"
    VERIFY = "verifying what arrived"
    PLACE = "putting the release in place"
    CHECK = "checking its golden outputs"
    SWITCH = "making it current"
    CONFIRM = "checking the current release"
    RECORD = "writing it down"
    PRUNE = "removing old releases"
    UNLOCK = "giving the lock back"


Reached = Callable[[Step], None]
"""Called before each step begins."""


@dataclass(frozen=True)
class Release:
    """Where a release is on the board."""

    name: str
    digest: str
    root: str  # of all releases of this name
    target: str = ""  # what the runner was built for
    uploaded: bool = False  # False: it was there, and is verified

    @property
    def folder(self) -> str:
        """Of its files."""
        return f"{self.root}/releases/{self.digest}"

    @property
    def runner(self) -> str:
        """The program."""
        return f"{self.folder}/{RUNNER_NAME}"

    @property
    def bundle(self) -> str:
        """The network."""
        return f"{self.folder}/{self.name}.spb"


def board_dir() -> str:
    """The folder on the board, relative to the home folder unless absolute."""
    return os.environ.get("SPANBIT_BOARD_DIR", BOARD_DIR)


def root_of(name: str) -> str:
    """The folder of all releases of this name."""
    return f"{board_dir()}/{name}"


def files_of(
    name: str, *, runner: bytes, bundle: bytes, target: str, signature: str = ""
) -> dict[str, bytes]:
    """The files of a release by their names.

    Args:
        target: what the runner was built for.
        signature: of the bundle (spanbit_deploy.signature), "" for none.
    """
    files = {RUNNER_NAME: runner, f"{name}.spb": bundle, TARGET_FILE: f"{target}\n".encode()}
    return {**files, f"{name}.spb.sig": signature.encode()} if signature else files


def manifest_of(files: Mapping[str, bytes]) -> str:
    """The files' SHA-256, as `sha256sum -c` reads them."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items())


def digest_of(manifest: str) -> str:
    """The release's name: of the same files always the same."""
    return hashlib.sha256(manifest.encode()).hexdigest()[:_DIGEST_CHARS]


def sums_of(manifest: str) -> dict[str, str]:
    """SHA-256 by the file's name; empty where the text is no manifest."""
    lines = [_LINE.fullmatch(line) for line in manifest.splitlines()]
    return {line[2]: line[1] for line in lines if line} if all(lines) else {}


def is_digest(text: str) -> bool:
    """Whether it can be a release's name."""
    return _DIGEST.fullmatch(text) is not None
