"""An ESP-IDF component: CMakeLists.txt, idf_component.yml (https://docs.espressif.com/projects/idf-component-manager)."""

from __future__ import annotations

from importlib.metadata import version

from spanbit.export.network import CNetwork


def package(net: CNetwork) -> dict[str, bytes]:
    """The C files and the component's two; the folder belongs into components/."""
    sources = "\n".join(f'    "{path}"' for path in net.c_files)
    lists = f"""idf_component_register(
  SRCS
{sources}
  INCLUDE_DIRS "include")
# Whatever the rest of the firmware is built with: the kernels are loops.
target_compile_options(${{COMPONENT_LIB}} PRIVATE -O3)
"""
    manifest = f"""version: "{version("spanbit")}"
description: "{net.name}: a binary neural network, compiled by spanbit"
dependencies:
  idf: ">=5.0"
"""
    return {**net.files, "CMakeLists.txt": lists.encode(), "idf_component.yml": manifest.encode()}
