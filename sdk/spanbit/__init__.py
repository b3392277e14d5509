"""spanbit: binary networks compressed by a minimum spanning tree, compiled for small ARM boards."""

from spanbit.errors import ExitCode, SpanbitError

__all__ = ["ExitCode", "SpanbitError", "__version__"]
__version__ = "0.1.0"
