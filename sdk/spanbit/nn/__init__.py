"""PyTorch layers that train what spanbit compiles: binary and ternary convolutions, compressors.

    from torch import nn
    from spanbit.nn import BatchNormSign, BinaryConv2d, BinaryLinear, StemConv2d

    net = nn.Sequential(
        StemConv2d(1, 32, 3, padding=1, mean=(0.29,), std=(0.35,)), BatchNormSign(32),
        BinaryConv2d(32, 64, 3, padding=1), nn.MaxPool2d(2), BatchNormSign(64),
        nn.Flatten(), BinaryLinear(64 * 14 * 14, 10),
    )
    logits = net.eval()(images)      # images uint8 [N, C, H, W]; the integers of the compiled network

Every layer's output in evaluation is exactly what the compiled network calculates. `spanbit.nn.train` trains
one of the networks of `spanbit.nn.zoo` with a compressor (`spanbit.nn.compress`) that makes it cheap;
`spanbit.importers.from_torch` turns any such module into a graph.
"""

from spanbit.nn.batchnorm import BatchNormSign
from spanbit.nn.binary import BinaryConv2d, BinaryLinear
from spanbit.nn.compress import Compressor
from spanbit.nn.prune import Prune, TernaryPruner
from spanbit.nn.sign import Sign
from spanbit.nn.steer import TreeLossSteer
from spanbit.nn.stem import StemConv2d
from spanbit.nn.tie import Tie
from spanbit.nn.tree_loss import TreeLoss

__all__ = [
    "BatchNormSign",
    "BinaryConv2d",
    "BinaryLinear",
    "Compressor",
    "Prune",
    "Sign",
    "StemConv2d",
    "TernaryPruner",
    "Tie",
    "TreeLoss",
    "TreeLossSteer",
]
