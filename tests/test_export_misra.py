"""cppcheck's MISRA addon on exported C names no rule that docs/firmware.md does not list."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
from firmware_nets import digits_bundle, write_files
from spanbit.export import Input, Tables, c_network

ROOT = Path(__file__).resolve().parent.parent


def test_deviations_are_listed(tmp_path: Path) -> None:
    images = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 1), np.uint8)
    net = c_network(digits_bundle(images, floats=True), "digits", Tables.FLASH, given=Input.ROWS)
    write_files(net.files, tmp_path)
    shown = ("--quiet", "--template={id}", f"-I{tmp_path / 'include'}")
    sources = [str(tmp_path / path) for path in net.c_files]
    words = ["cppcheck", "--addon=misra", "--std=c11", "-DSPB_FORCE_SCALAR=32", *shown, *sources]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=300)
    found = set(re.findall(r"misra-c2012-([\d.]+)", said.stderr + said.stdout))
    page = (ROOT / "docs" / "firmware.md").read_text().partition("## MISRA")[2].partition("\n## ")[0]
    listed = {rule for row in re.findall(r"^\| ([\d. ]+) \|", page, re.MULTILINE) for rule in row.split()}
    assert len(found) > 10 and found <= listed, sorted(found - listed)
