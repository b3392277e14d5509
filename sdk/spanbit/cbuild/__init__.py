"""Compiles C, once for each content: the same sources, compiler and flags are never compiled twice.

from spanbit.cbuild import build, include_dirs, runner_sources, runtime_sources
runner = build(("gcc", "-O3"), [*runtime_sources(), *runner_sources()],
               include=include_dirs(), output_name="spb_runner")
"""

from spanbit.cbuild.cache import build, cache_dir
from spanbit.cbuild.sources import POOL_FLAGS, include_dirs, pool_sources, runner_sources, runtime_sources

__all__ = [
    "POOL_FLAGS",
    "build",
    "cache_dir",
    "include_dirs",
    "pool_sources",
    "runner_sources",
    "runtime_sources",
]
