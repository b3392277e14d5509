"""Whether an elementwise function is a sign: it is asked, rather than known by name.

    found = probe_sign(lambda x: (x >= 0).float() * 2 - 1)     # Sign(strict=False, zero=1)

People write the sign in many ways: torch.sign, a comparison, an autograd.Function of their own, a sum whose
other terms are there for the gradient only and cancel. All of them are -1 left of zero and +1 right of it, so
they are tried on numbers of every size, from far below what a batch-norm delivers to far above it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from spanbit.importers.values import Sign

_SIZES = (1e-6, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.5, 2.0, 3.0, 6.0, 10.0, 100.0, 1e4)
_TOLERANCE = 1e-6  # terms that cancel leave a rounding behind


def probe_sign(function: Callable[[Tensor], Tensor]) -> Sign | None:
    """The sign that `function` is, or None. Zero may be +1, -1 or 0 (which then counts as +1)."""
    sizes = torch.tensor(_SIZES, dtype=torch.float64)
    given = torch.cat([-sizes.flip(0), torch.zeros(1, dtype=torch.float64), sizes]).view(1, -1, 1, 1)
    try:
        with torch.no_grad():
            made = function(given.clone())
    except Exception:  # the function is a user's: whatever it raises, it is no sign
        return None
    if not isinstance(made, Tensor) or made.shape != given.shape or made.dtype == torch.bool:
        return None
    made = made.to(torch.float64)
    if not bool(((made - given.sign()).abs() <= _TOLERANCE)[given != 0].all()):
        return None
    zero = round(float(made[given == 0]), 5)
    return Sign(strict=zero == -1, zero=int(zero)) if zero in (-1, 0, 1) else None


def is_sign_module(module: nn.Module) -> bool:
    """Whether a module of somebody's own, without any numbers in it, is a sign."""
    own = not module.__module__.startswith("torch.")
    numbers = any(True for _ in module.parameters()) or any(True for _ in module.buffers())
    return own and not numbers and not isinstance(module, nn.Sequential) and bool(probe_sign(module.forward))
