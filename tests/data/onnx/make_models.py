"""Writes the ONNX files of this folder, and for each the logits that PyTorch had: NAME.onnx, NAME.npz.

    pip install torch brevitas onnx onnxoptimizer onnxscript
    python make_models.py

Written with torch 2.13.0, brevitas 0.13.4, onnx 1.23.2. The stems' weights are such that int8 holds them as
they are, so that no sign turns there and the importer can be held to PyTorch's logits.
"""

from __future__ import annotations

from pathlib import Path

import brevitas
import brevitas.nn as qnn
import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.quant import (
    Int8WeightPerChannelFloat,
    SignedBinaryActPerTensorConst,
    SignedBinaryWeightPerTensorConst,
)
from torch import Tensor, nn

HERE = Path(__file__).parent


def images(count: int) -> Tensor:
    """uint8 [N, 1, 12, 12], smooth, the same every time."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.rand(count, 1, 4, 4, generator=generator)
    large = nn.functional.interpolate(coarse, (12, 12), mode="bilinear", align_corners=False)
    return (large * 255).round().to(torch.uint8)


def bits() -> nn.Module:
    return qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)


def brevitas_chain() -> nn.Module:
    """Brevitas's quantisers: an int8 stem, binary convolutions, a binary linear layer."""
    binary = {"bias": False, "weight_quant": SignedBinaryWeightPerTensorConst}
    return nn.Sequential(
        qnn.QuantConv2d(1, 6, 3, padding=1, bias=False, weight_quant=Int8WeightPerChannelFloat),
        nn.BatchNorm2d(6),
        bits(),
        qnn.QuantConv2d(6, 8, 3, padding=1, **binary),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(8),
        bits(),
        qnn.QuantConv2d(8, 8, 3, padding=0, **binary),
        nn.BatchNorm2d(8),
        bits(),
        nn.Flatten(),
        qnn.QuantLinear(8 * 16, 4, **binary),
        nn.BatchNorm1d(4),
    )


class Block(nn.Module):
    """torch.sign in front of a convolution of signs, batch-norm, shortcut."""

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, before, 3, 3))
        self.norm, self.stride = nn.BatchNorm2d(channels), stride
        self.down: nn.Module = nn.Identity()
        if stride > 1:
            self.down = nn.Sequential(
                nn.AvgPool2d(2), nn.Conv2d(before, channels, 1, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        sums = nn.functional.conv2d(torch.sign(x), torch.sign(self.weight), stride=self.stride, padding=1)
        result: Tensor = self.norm(sums) + self.down(x)
        return result


class Plain(nn.Module):
    """A residual network of PyTorch's own layers; takes 0..255."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.stages = nn.Sequential(Block(8, 8, 1), Block(8, 16, 2))
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(nn.functional.hardtanh(self.norm(self.stem((x - 128) / 64)), -2.0, 2.0))
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def exact_stem(layer: nn.Conv2d) -> None:
    """Multiples of 1/127 of the largest weight."""
    with torch.no_grad():
        layer.weight.copy_(torch.randint(-127, 128, layer.weight.shape) / 127)
        layer.weight[:, 0, 0, 0] = 1


def settle(net: nn.Module, given: Tensor) -> None:
    """Batch-norms as if trained."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            nn.init.uniform_(module.weight, 0.3, 1.2)
            nn.init.normal_(module.bias, 0, 0.3)
            module.momentum = None
    with torch.no_grad():
        net.train()(given)
    net.eval()


def write(name: str, net: nn.Module, pixels: Tensor, given: Tensor) -> None:
    """The logits of the last 8 images, and the model."""
    with torch.no_grad():
        logits = net(given[-8:]).numpy()
    np.savez_compressed(HERE / f"{name}.npz", images=pixels[-8:].permute(0, 2, 3, 1).numpy(), logits=logits)


def clean(name: str) -> None:
    """Everything in one file, without the stack traces, which carry the paths of a machine."""
    path = HERE / f"{name}.onnx"
    model = onnx.load(path)
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        kept = [entry for entry in part.metadata_props if entry.key == "pkg.torch.onnx.name_scopes"]
        del part.metadata_props[:]
        part.metadata_props.extend(kept)
        part.doc_string = ""
    del model.functions[:], model.metadata_props[:], model.graph.metadata_props[:]
    onnx.save(model, path)
    (HERE / f"{name}.onnx.data").unlink(missing_ok=True)


def main() -> None:
    pixels = images(40)
    print("torch", torch.__version__, "brevitas", brevitas.__version__, "onnx", onnx.__version__)
    torch.manual_seed(0)
    chain = brevitas_chain()
    exact_stem(chain[0])
    given = (pixels - 128.0) / 64  # mean 128 / 255, std 64 / 255
    settle(chain, given)
    write("brevitas", chain, pixels, given)
    export_qonnx(chain, given[:1], str(HERE / "brevitas.onnx"))
    clean("brevitas")
    plain = Plain()
    exact_stem(plain.stem)
    settle(plain, pixels.float())
    write("plain", plain, pixels, pixels.float())
    torch.onnx.export(plain, (pixels[:1].float(),), str(HERE / "plain.onnx"), dynamo=True)
    clean("plain")


if __name__ == "__main__":
    main()
