"""A CMake library, for add_subdirectory or by itself: target NAME."""

from __future__ import annotations

from spanbit.export.network import CNetwork


def package(net: CNetwork) -> dict[str, bytes]:
    """The C files and CMakeLists.txt."""
    return {**net.files, "CMakeLists.txt": _lists(net).encode()}


def _lists(net: CNetwork) -> str:
    sources = "\n".join(f"  {path}" for path in net.c_files)
    return f"""# add_subdirectory(this folder), then target_link_libraries(YOURS PRIVATE {net.name})
cmake_minimum_required(VERSION 3.13)
if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)
  project({net.name} C)
endif()

add_library({net.name} STATIC
{sources})
target_include_directories({net.name} PUBLIC ${{CMAKE_CURRENT_LIST_DIR}}/include)
target_compile_features({net.name} PRIVATE c_std_11)
# Whatever the rest of the firmware is built with: the kernels are loops.
target_compile_options({net.name} PRIVATE -O3 -ffunction-sections -fdata-sections)
"""
