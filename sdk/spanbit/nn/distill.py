"""Learning from a trained network's answers beside the labels.

    teacher = load_teacher("twin.pt", classes=10, device=device)
    loss = distilled(loss, logits, teacher(images))

After Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015): both networks' logits
are divided by a temperature, and the distance of the two distributions is multiplied by its square, so that
the gradients keep their size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spanbit.nn.checkpoint import load_checkpoint
from spanbit.nn.config import usage

TEMPERATURE, SHARE = 2.0, 0.5


def load_teacher(
    path: str, input_shape: tuple[int, int, int], classes: int, device: torch.device
) -> nn.Module:
    """The network of a checkpoint, in evaluation mode.

    Raises:
        SpanbitError: no checkpoint, or one for other images or classes.
    """
    net, meta = load_checkpoint(path)
    if tuple(meta["input_shape"]) != input_shape or meta["classes"] != classes:
        raise usage(
            f"the teacher {path} is for images of {meta['input_shape']} and {meta['classes']} classes",
            "use one that was trained on the same data set",
        )
    return net.to(device)


def distilled(loss: Tensor, logits: Tensor, wanted: Tensor) -> Tensor:
    """The loss, half of it replaced by the distance to the teacher's logits [N, classes]."""
    distance = functional.kl_div(
        functional.log_softmax(logits / TEMPERATURE, 1),
        functional.log_softmax(wanted / TEMPERATURE, 1),
        reduction="batchmean",
        log_target=True,
    )
    return (1 - SHARE) * loss + SHARE * TEMPERATURE**2 * distance
