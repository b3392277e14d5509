"""A bundle on disk that the host has checked, and the few things that deploying must know of it.

bundle = load_bundle(Path("demo.spb"))
bundle.target    # "rpi4"
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from spanbit.bundle import read_bundle
from spanbit.cli.files import read_file
from spanbit.graph import Shape
from spanbit.passes import CompiledGraph

from spanbit_deploy.signature import signature_beside


@dataclass(frozen=True)
class BundleFile:
    """A checked bundle."""

    name: str  # of the file, fit to be a folder's name on a board
    data: bytes
    compiled: CompiledGraph  # what it holds
    signature: str = ""  # the content of its signature file

    @property
    def target(self) -> str:
        """The name of the target that it was compiled for."""
        return self.compiled.target_name

    @property
    def input(self) -> Shape:
        """The image that it takes."""
        return self.compiled.graph.input

    @property
    def class_count(self) -> int:
        """Output channels of the last layer."""
        return self.compiled.layers[-1].result.channels

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Of all layers, in order."""
        return tuple(plan.op.name for plan in self.compiled.layers)


def load_bundle(path: Path, *, with_signature: bool = True) -> BundleFile:
    """Reads and checks all of it, and its signature beside it (demo.spb.sig), if there is one.

    Raises:
        SpanbitError: BAD_INPUT: it cannot be read; BAD_BUNDLE: it is not whole, or not a bundle.
    """
    bundle = checked_bundle(read_file(path), bundle_name(path), str(path))
    return replace(bundle, signature=signature_beside(path)) if with_signature else bundle


def checked_bundle(data: bytes, name: str, where: str) -> BundleFile:
    """The same for bytes from elsewhere; `where` is for the error."""
    return BundleFile(name, data, read_bundle(data, where).compiled)


def bundle_name(path: Path) -> str:
    """The name of the bundle `path`, fit to be a folder's name on a board."""
    stem = path.stem if path.suffix == ".spb" else path.name
    return re.sub(r"[^A-Za-z0-9._-]", "_", stem)[:64].lstrip(".-") or "bundle"
