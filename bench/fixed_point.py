"""How far the numbers of a residual network are off in fixed point: what is seen, and what is guaranteed.

    python bench/fixed_point.py

PyTorch and the numpy reference run one image with the same bits (the reference's), so that a sign that turns
near zero does not hide the arithmetic. Prints the table of docs/import-torch.md, the last sum of every stage.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from spanbit.importers import explain_torch
from spanbit.nn.zoo import NETWORKS

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from forced import forced, settled, smooth_images

_SIDE = 32
_LAST = {
    "resnet20": ("stage1_6", "stage2_6", "stage3_6"),
    "resnet18": ("stage1_4", "stage2_4", "stage3_4", "stage4_4"),
}


def main() -> None:
    for name, last in _LAST.items():
        torch.manual_seed(0)
        network = NETWORKS[name]
        shape, stats = (3, _SIDE, _SIDE), ((0.5,) * 3, (0.25,) * 3)
        net = network.build(shape, 10, network.width, mean=stats[0], std=stats[1], weights="binary")
        settled(net, smooth_images(16, 3, _SIDE, 0), 0)
        explanation = explain_torch(net, shape)
        image = smooth_images(20, 3, _SIDE, 1)[-1]
        run = forced(net, explanation, image.permute(1, 2, 0).numpy(), "spanbit.nn.resnet.sign", image[None])
        names = [op.name for op in explanation.graph.ops]
        for stage in last:
            real = explanation.reals[names.index(f"{stage}.add")]
            seen = np.abs(run.ours[f"{stage}.add"] - run.theirs[stage]).max()
            print(f"| {name} | {stage} | {real.fraction} | {seen:.2g} | {real.error.max():.2g} |")


if __name__ == "__main__":
    main()
