"""What a network takes on a core, before anything is built: amounts of work, priced by the target file.

amounts, left_out = network_amounts(plan, target.isa)
predict(amounts, target.cost)           # executed instructions, or cycles: what the figures were fitted to
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from spanbit.bundle.weights import head_bits
from spanbit.export.plan import FirmwarePlan, Tables
from spanbit.graph import BinaryConv, Head, KernelKind, Kind, MaxPool, StemConv
from spanbit.passes.compiled import LayerPlan
from spanbit.passes.cost_model import dense_amounts, tree_amounts
from spanbit.passes.layout import head_bytes, round_up, row_bytes


def network_amounts(plan: FirmwarePlan, isa: str) -> tuple[Mapping[str, float], list[str]]:
    """Cost figure -> how often one run pays it; names of the layers that the model does not know."""
    amounts: Counter[str] = Counter()
    left_out = []
    for layer in plan.compiled.layers:
        found = layer_amounts(layer, plan.tables, isa)
        if found is None:
            left_out.append(layer.op.name)
        else:
            amounts.update(found)
    return amounts, left_out


def layer_amounts(layer: LayerPlan, tables: Tables, isa: str) -> dict[str, float] | None:
    """Of one layer; None: the model does not know it."""
    op, source, result = layer.op, layer.source, layer.result
    if layer.kind is Kind.REAL:
        return None
    match op:
        case StemConv():
            # The kernel takes 8 pixels of a row at a time, however many there are (stem_tile.h).
            return {"stem": float(result.height * round_up(result.width, 8) * op.weight.size)}
        case BinaryConv() if op.kernel is KernelKind.TREE:
            assert op.tree is not None
            found = tree_amounts(op, source, result, isa)
            return found | ({"decode": float(op.tree.total_distance)} if tables is Tables.ENCODED else {})
        case BinaryConv():
            return dense_amounts(op, source, result)
        case MaxPool():
            return {"pool": result.channels * result.height * row_bytes(result.width) / 4}
        case Head():
            return {"head": len(op.weight) * head_bits(op.weight) * head_bytes(source) / 4}
        case _:
            return None
