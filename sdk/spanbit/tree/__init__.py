"""Minimum spanning trees over the output channels of a layer."""

from spanbit.tree.types import ZERO, ChannelTree

__all__ = ["ZERO", "ChannelTree"]
