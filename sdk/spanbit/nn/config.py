"""What to train and how: one dataclass, and what each data set is trained with where nothing else is said.

config = with_defaults(TrainConfig("cifar10", network="vgg_small", width=32))
config.epochs, config.shift       # CIFAR's own
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal

from spanbit.errors import ExitCode, SpanbitError
from spanbit.nn.augment import Border
from spanbit.nn.methods import METHODS, Method
from spanbit.nn.zoo import NETWORKS

Precision = Literal["float32", "bfloat16", "float16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class TrainConfig:
    """What to train and how. None stands for the data set's own default."""

    dataset: str = "digits"
    folder: str | None = None
    network: str = "vgg_tiny"  # one of spanbit.nn.zoo.NETWORKS
    width: int = 32
    method: Method = "prune"  # how the network is compressed
    cost: float | None = 0.10  # what it is compressed to; None: not at all, binary
    bit_ops: int | None = None  # compress to so many instead, each layer alike; `cost` is then what it makes
    mixed: bool = False  # "tie" with weights -1, 0, +1 instead of -1, +1
    epochs: int | None = None
    batch: int | None = None  # images a step, over all processes
    rate: float | None = None
    smoothing: float = 0.0  # of the labels
    shift: int | None = None  # augmentation: pixels
    mirror: bool | None = None
    held_back: int = 0  # training images that judge each epoch instead; the best one's network is kept
    seed: int = 0
    threads: int = 2
    device: str = "cpu"
    precision: Precision = "float32"  # of the convolutions in training (autocast)
    start: str | None = None  # checkpoint to go on from, instead of random weights

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise usage(f"method {self.method!r}", f"use one of {', '.join(METHODS)}")
        if self.network not in NETWORKS:
            raise usage(f"network {self.network!r}", f"use one of {', '.join(NETWORKS)}")
        if self.precision not in PRECISIONS:
            raise usage(f"precision {self.precision!r}", f"use one of {', '.join(PRECISIONS)}")
        if self.mixed and self.method != "tie":
            raise usage(f"mixed weights with method {self.method!r}", "they are an option of tie")
        if self.cost is not None and not 0 < self.cost <= 1:
            raise usage(f"cost {self.cost}", "use a share above 0, up to 1, or none at all")
        if self.bit_ops is not None and (self.bit_ops < 1 or self.method == "none"):
            raise usage(
                f"{self.bit_ops} bit-OPs with method {self.method}", "ask for 1 or more, and a method"
            )
        counts = (self.width, self.threads, *(part for part in (self.epochs, self.batch) if part is not None))
        if min(counts) < 1 or (self.rate is not None and self.rate <= 0):
            raise usage("a count below 1, or a rate of 0 or less", "see TrainConfig")
        if not 0 <= self.smoothing < 1 or self.held_back < 0 or (self.shift or 0) < 0:
            raise usage(
                "smoothing outside 0 to 1, or a negative number of pixels or images", "see TrainConfig"
            )


@dataclass(frozen=True)
class Defaults:
    """What a data set is trained with."""

    epochs: int
    batch: int
    rate: float
    shift: int
    mirror: bool
    border: Border = "edge"


# Fashion-MNIST's rate was chosen on 5000 training images held back, after 4 epochs: 0.871, 0.878, 0.874 at
# 5e-3, 1e-2, 2e-2. CIFAR's augmentation is the literature's; its rate is not tuned.
_DEFAULTS = {
    "digits": Defaults(epochs=40, batch=64, rate=5e-3, shift=1, mirror=False),
    "mnist": Defaults(epochs=5, batch=128, rate=1e-2, shift=2, mirror=False),
    "fashion-mnist": Defaults(epochs=5, batch=128, rate=1e-2, shift=0, mirror=True),
    "cifar10": Defaults(epochs=60, batch=128, rate=5e-3, shift=4, mirror=True, border="black"),
    "image-folder": Defaults(epochs=60, batch=128, rate=5e-3, shift=4, mirror=True, border="black"),
}


def defaults_of(dataset: str) -> Defaults:
    """The defaults of a data set; of one that is not known, the digits'."""
    return _DEFAULTS.get(dataset, _DEFAULTS["digits"])


def with_defaults(config: TrainConfig) -> TrainConfig:
    """The configuration, the data set's defaults in the place of None."""
    defaults = defaults_of(config.dataset)
    missing = {
        field.name: getattr(defaults, field.name)
        for field in fields(Defaults)
        if field.name != "border" and getattr(config, field.name) is None
    }
    return replace(config, **missing)


def usage(what: str, fix: str) -> SpanbitError:
    """A mistake in how a training was asked for."""
    return SpanbitError(what, where="training", fix=fix, code=ExitCode.USAGE)
