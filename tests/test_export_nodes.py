"""Packed node records of exported C: what the C code unpacks them into, and how small they are."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from firmware_nets import HOST
from numpy.typing import NDArray
from spanbit.bundle.records import NODE
from spanbit.export.c_text import array
from spanbit.export.packed_nodes import FIELDS, pack_nodes
from spanbit.resources import data_dir
from test_export import SANITIZED

_UNPACK = """#include <stdio.h>

#include "packed_nodes.h"

%s
int main(void) {
    for (uint32_t i = 0, at = 0; i < %d; i++) {
        uint8_t node[SPB_NODE_BYTES] = {0};
        at = spb_unpack_node(packed, i, at, node);
        fwrite(node, 1, 12, stdout); /* what is behind it is reserved */
    }
    return 0;
}
"""


def _random(seed: int, count: int) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    nodes = np.zeros(count, NODE)
    for field in FIELDS:
        kind = np.iinfo(NODE[field])
        low, high = np.sort(rng.integers(kind.min, kind.max, 2, endpoint=True))
        nodes[field] = rng.integers(low, high, count, endpoint=True)
    return nodes


def _star(count: int) -> NDArray[Any]:
    rng = np.random.default_rng(3)
    nodes = np.zeros(count, NODE)
    nodes["channel"], nodes["source_slot"] = np.arange(count), 255
    nodes["distance"], nodes["value"] = rng.integers(60, 90, count), rng.integers(-12, 12, count)
    return nodes


def _extreme() -> NDArray[Any]:
    nodes = np.zeros(3, NODE)
    for field in FIELDS:
        kind = np.iinfo(NODE[field])
        nodes[field] = [kind.max, kind.min, kind.max]
    return nodes


@pytest.mark.parametrize("nodes", [_random(1, 40), _random(2, 1), _extreme(), np.zeros(5, NODE), _star(300)])
def test_records_come_back(nodes: NDArray[Any], tmp_path: Path) -> None:
    packed = array("uint8_t", "packed", pack_nodes(nodes))
    (tmp_path / "unpack.c").write_text(_UNPACK % (packed, len(nodes)))
    source, program = data_dir("runtime_c"), str(tmp_path / "unpack")
    include = (f"-I{source / 'src'}", f"-I{source / 'include'}")
    subprocess.run([*HOST, *SANITIZED, *include, str(tmp_path / "unpack.c"), "-o", program], check=True)
    said = subprocess.run([program], capture_output=True, check=True, timeout=60).stdout
    assert said == b"".join(node.tobytes()[:12] for node in nodes)


def test_a_star_takes_less_than_a_byte_and_a_half_a_node() -> None:
    """One slot, one kind of comparison, channels in order: distance and value are left."""
    nodes = _star(128)
    assert len(pack_nodes(nodes)) <= 128 * (5 + 5) / 8 + 24
    nodes["channel"] = np.random.default_rng(4).permutation(128)
    assert len(pack_nodes(nodes)) <= 128 * (7 + 5 + 5) / 8 + 24
