"""An Arduino library: library.properties, headers in src/ (https://arduino.github.io/arduino-cli/library-specification)."""

from __future__ import annotations

from importlib.metadata import version

from spanbit.export.network import CNetwork


def package(net: CNetwork) -> dict[str, bytes]:
    """src/ with the public header beside it, library.properties, an example sketch.

    The Arduino IDE compiles all below src/, for which only src/ is on the include path.
    """
    public = f"include/{net.name}.h"
    files = {path: data for path, data in net.files.items() if path != public}
    files[f"src/{net.name}.h"] = net.files[public]
    layers = f"src/{net.name}_layers.h"
    files[layers] = net.files[layers].replace(f"../include/{net.name}.h".encode(), f"{net.name}.h".encode())
    files["library.properties"] = _properties(net.name).encode()
    files[f"examples/{net.name}_check/{net.name}_check.ino"] = _sketch(net.name).encode()
    return files


def _properties(name: str) -> str:
    return f"""name={name}
version={version("spanbit")}
author=spanbit
maintainer=spanbit
sentence={name}: a binary neural network.
paragraph=Compiled by spanbit; needs no heap and no other library.
category=Data Processing
url=https://github.com/spanbit/spanbit
architectures=*
includes={name}.h
"""


def _sketch(name: str) -> str:
    upper = name.upper()
    return f"""#include <{name}.h>

static unsigned char arena[{upper}_ARENA_BYTES] {upper}_ALIGNED;
static {name}_output output[{upper}_OUTPUTS];

void setup() {{
  Serial.begin(115200);
  int status = {name}_check(arena, output);
  Serial.println(status == {upper}_OK ? "the golden image is right" : "the golden image is wrong");
}}

void loop() {{
}}
"""
