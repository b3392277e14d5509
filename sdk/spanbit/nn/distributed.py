"""Several processes, one network: PyTorch's own, as `torchrun` starts them.

    torchrun --nproc-per-node 2 --no-python spanbit train recipe.toml

Every process sees the same order of images and takes its part of each batch; DistributedDataParallel averages
the gradients. Compressors need no word between processes: they decide by the weights, which are the same
everywhere. Without torchrun all this is one process that is alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from spanbit.nn.config import usage


@dataclass(frozen=True)
class Group:
    """This process among the others."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and draws."""
        return self.rank == 0

    @property
    def part(self) -> slice:
        """This process' images of a batch."""
        return slice(self.rank, None, self.size)

    def wrapped(self, net: nn.Module) -> nn.Module:
        """What is called in training in the place of `net`, which it shares its weights with."""
        if self.size == 1:
            return net
        # A layer whose weights are settled has no gradient any more.
        places = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(net, device_ids=places, find_unused_parameters=True)

    @torch.no_grad()
    def agree(self, net: nn.Module) -> None:
        """The first process' statistics of batch-norm for all."""
        if self.size > 1:
            for buffer in net.buffers():
                distributed.broadcast(buffer, 0)


@contextmanager
def joined(device: str, batch: int) -> Iterator[Group]:
    """The group that torchrun's environment describes, left again at the end.

    Raises:
        SpanbitError: the batch cannot be divided, or there is no such device.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if batch % size:
        raise usage(f"a batch of {batch} for {size} processes", "use a multiple of the processes")
    place = _device(device, int(os.environ.get("LOCAL_RANK", "0")) if size > 1 else None)
    if size == 1:
        yield Group(0, 1, place)
        return
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Group(rank, size, place)
    finally:
        distributed.destroy_process_group()


def _device(name: str, local_rank: int | None) -> torch.device:
    try:
        device = torch.device(name)
        if device.type == "cuda" and local_rank is not None:
            device = torch.device("cuda", local_rank)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as failure:
        reason = str(failure).partition("\n")[0]
        raise usage(
            f"device {name!r} cannot be used: {reason}", "use cpu, or what PyTorch finds here"
        ) from None
    return device
