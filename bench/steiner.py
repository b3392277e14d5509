"""How much shorter a tree would be with vertices that are calculated but not output (Steiner channels).

    added, saved = steiner(rows, least=8)

A greedy count, nothing that the compiler does. Two children of one parent that agree in taps where the parent
differs share those additions, if a vertex with the parent's values and these stands between: it saves one
addition for each such tap. The pair that saves most gets its vertex first; the new vertex and its children
take part in what follows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from spanbit.tree import ZERO, build_tree


def steiner(rows: NDArray[np.int8], least: int) -> tuple[int, int]:
    """Vertices added and differing taps saved, where a vertex must save `least` taps at least.

    Args:
        rows: weights -1, 0, +1 [channels, taps]; their minimum spanning tree is what is shortened.
    """
    tree = build_tree(rows)
    values = [*(rows[tree.channel] * tree.sign[:, None]), np.zeros_like(rows[0])]
    zero = len(values) - 1
    families: dict[int, list[int]] = {}
    for place, parent in enumerate(tree.parent.tolist()):
        families.setdefault(zero if parent == ZERO else parent, []).append(place)
    added, saved = 0, 0
    waiting = list(families)
    while waiting:
        parent = waiting.pop()
        children = families[parent]
        while len(children) > 1:
            first, second, gain = _best(values, parent, children)
            if gain < least:
                break
            values.append(np.where(values[first] == values[second], values[first], values[parent]))
            between = len(values) - 1
            children[:] = [child for child in children if child not in (first, second)] + [between]
            families[between] = [first, second]
            added, saved = added + 1, saved + gain
    return added, saved


def _best(values: Sequence[NDArray[np.int8]], parent: int, children: Sequence[int]) -> tuple[int, int, int]:
    """The two children that share most differences from the parent, and how many."""
    rows = np.stack([values[child] for child in children])
    differs = rows != values[parent]
    shared = np.zeros((len(rows), len(rows)), np.float32)
    for value in (-1, 0, 1):
        same = ((rows == value) & differs).astype(np.float32)
        shared += same @ same.T
    np.fill_diagonal(shared, -1)
    first, second = np.unravel_index(int(shared.argmax()), shared.shape)
    return children[int(first)], children[int(second)], int(shared[first, second])
