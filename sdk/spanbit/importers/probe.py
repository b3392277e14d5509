"""Whether an elementwise function is a sign: it is asked, rather than known by name.

found = probe_sign(lambda x: (x >= 0) * 2.0 - 1)     # Sign(strict=False, zero=1)

People write the sign in many ways: torch.sign, a comparison, an autograd.Function of their own, a sum whose
other terms are there for the gradient only and cancel. All of them are -1 left of zero and +1 right of it, so
they are tried on numbers of every size, from far below what a batch-norm delivers to far above it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spanbit.importers.values import Floats, Sign

_SIZES = np.array([1e-6, 1e-3, 0.1, 0.3, 0.5, 0.7, 0.9, 1, 1.1, 1.5, 2, 3, 6, 10, 100, 1e4])
_TOLERANCE = 1e-6  # terms that cancel leave a rounding behind


def probe_sign(function: Callable[[Floats], Any]) -> Sign | None:
    """The sign that `function` is, or None. Zero may be +1, -1 or 0 (which then counts as +1).

    Args:
        function: elementwise, of an array [1, n, 1, 1] in float64.
    """
    given = np.concatenate([-_SIZES[::-1], [0.0], _SIZES]).reshape(1, -1, 1, 1)
    try:
        made = np.asarray(function(given.copy()))
    except Exception:  # the function is a user's: whatever it raises, it is no sign
        return None
    if made.shape != given.shape or made.dtype == np.bool_:
        return None
    made = made.astype(np.float64)
    if not (np.abs(made - np.sign(given)) <= _TOLERANCE)[given != 0].all():
        return None
    zero = round(float(made[given == 0][0]), 5)
    return Sign(strict=zero == -1, zero=int(zero)) if zero in (-1, 0, 1) else None
