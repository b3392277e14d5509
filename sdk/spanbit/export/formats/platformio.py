"""A PlatformIO library: library.json (https://docs.platformio.org/en/latest/manifests/library-json/)."""

from __future__ import annotations

import json
from importlib.metadata import version

from spanbit.export.network import CNetwork


def package(net: CNetwork) -> dict[str, bytes]:
    """The C files and library.json."""
    manifest = {
        "name": net.name,
        "version": version("spanbit"),
        "description": f"{net.name}: a binary neural network, compiled by spanbit",
        "keywords": ["neural-network", "binary-network", "inference"],
        "frameworks": "*",
        "platforms": "*",
        "headers": f"{net.name}.h",
        "build": {"includeDir": "include", "srcDir": "src", "flags": ["-O3"]},
    }
    return {**net.files, "library.json": (json.dumps(manifest, indent=2) + "\n").encode()}
