"""The C runtime in this process, through cffi: for runs on the host and for tests of equality.

    model = Model(bundle_bytes)
    logits = model.run(image)               # uint8 [H, W, C] -> float32 [classes]
    layers = model.trace(image)             # what every layer delivers
    model.check_golden()

The library is compiled at the first use with this machine's C compiler and kept in the build cache.
"""

from spanbit.runtime.library import ISAS, host_compiler, isas
from spanbit.runtime.model import Model

__all__ = ["ISAS", "Model", "host_compiler", "isas"]
