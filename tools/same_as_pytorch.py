"""Compares a board's answers with PyTorch's, image by image; exit code 1 if one differs.

spanbit run demo.spb --on board --count 1000 --json > run.json
python tools/same_as_pytorch.py run.json demo.test.npz
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def main(run: Path, archive: Path) -> int:
    said = json.loads(run.read_text())
    board = np.array(said["classified"]["predictions"])
    with np.load(archive) as file:
        pytorch, labels = file["predictions"], file["labels"]
    if len(board) != len(pytorch):
        print(f"{len(board)} images were classified, PyTorch has answers for {len(pytorch)}", file=sys.stderr)
        return 1
    for name, answers in (("PyTorch", pytorch), (f"{said['on']} ({said['arch']}, {said['isa']})", board)):
        right = int((answers == labels).sum())
        print(f"    {name + ':':32} {right} of {len(labels)} right, accuracy {right / len(labels):.4f}")
    different = np.flatnonzero(board != pytorch)
    if len(different):
        print(f"DIFFERENT for {len(different)} images, the first is number {different[0]}", file=sys.stderr)
        return 1
    print("    equal for every image")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
