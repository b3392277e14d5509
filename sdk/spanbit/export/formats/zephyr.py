"""A Zephyr module: zephyr/module.yml, CMakeLists.txt, Kconfig (https://docs.zephyrproject.org/latest/develop/modules.html)."""

from __future__ import annotations

from spanbit.export.network import CNetwork


def package(net: CNetwork) -> dict[str, bytes]:
    """The C files, the module's three, the library behind CONFIG_NAME."""
    return {
        **net.files,
        "zephyr/module.yml": _module(net.name).encode(),
        "zephyr/CMakeLists.txt": _lists(net).encode(),
        "zephyr/Kconfig": _kconfig(net.name).encode(),
    }


def _module(name: str) -> str:
    return f"name: {name}\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n"


def _lists(net: CNetwork) -> str:
    sources = "\n".join(f"    ../{path}" for path in net.c_files)
    return f"""if(CONFIG_{net.name.upper()})
  zephyr_library_named({net.name})
  zephyr_include_directories(../include)
  zephyr_library_sources(
{sources})
  # Whatever the rest of the firmware is built with: the kernels are loops.
  zephyr_library_compile_options(-O3)
endif()
"""


def _kconfig(name: str) -> str:
    lines = (
        f"config {name.upper()}",
        f'\tbool "{name}: a binary neural network"',
        "\thelp",
        f"\t  Compiled by spanbit. No heap; the application gives {name}_init the arena.",
        "",
    )
    return "\n".join(lines)
