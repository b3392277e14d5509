"""Figures of one layer's tree, for reports.

    figures = statistics(tree, taps=1152)
    figures.cost, figures.depth_max, figures.bit_ops_before, figures.bit_ops_after

Bit operations are binary multiply-accumulates for ONE output pixel; a ratio of them is not a speed-up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spanbit.tree.build import tree_cost
from spanbit.tree.types import ZERO, ChannelTree

HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class TreeStatistics:
    """What a tree costs, and its shape. Plain numbers: `dataclasses.asdict` gives JSON."""

    channel_count: int
    taps: int
    total_distance: int
    cost: float  # total_distance / (channel_count * taps)
    depth_max: int  # edges from the zero vertex to the deepest channel
    depth_mean: float
    root_count: int  # channels that hang off the zero vertex
    zero_edge_share: float  # root_count / channel_count
    negated_share: float  # channels whose negative is what is calculated
    slot_count: int
    distance_histogram: tuple[int, ...]  # channels by distance / taps, equal bins over [0, 1]
    bit_ops_before: int  # per output pixel, tap by tap
    bit_ops_after: int  # per output pixel, along the tree


def statistics(tree: ChannelTree, taps: int) -> TreeStatistics:
    """The figures of `tree`, whose rows have `taps` taps."""
    channels = len(tree.channel)
    roots = int(np.count_nonzero(tree.parent == ZERO))
    histogram, _ = np.histogram(tree.distance / taps, bins=HISTOGRAM_BINS, range=(0.0, 1.0))
    return TreeStatistics(
        channel_count=channels,
        taps=taps,
        total_distance=tree.total_distance,
        cost=tree_cost(tree, taps),
        depth_max=int(tree.depth.max()),
        depth_mean=float(tree.depth.mean()),
        root_count=roots,
        zero_edge_share=roots / channels,
        negated_share=float(np.count_nonzero(tree.sign < 0) / channels),
        slot_count=tree.slot_count,
        distance_histogram=tuple(int(count) for count in histogram),
        bit_ops_before=channels * taps,
        bit_ops_after=tree.total_distance,
    )
