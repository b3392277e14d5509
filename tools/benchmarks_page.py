"""Puts the committed results into docs/benchmarks.md, docs/kernels.md and docs/zoo.md, between markers.

make bench-all        # measures, draws the plots and calls this
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from spanbit.passes import compile_graph
from spanbit.targets import load_target

ROOT = Path(__file__).resolve().parent.parent
PAGE, KERNELS = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "kernels.md"
ZOO = ROOT / "docs" / "zoo.md"
RESULTS = ROOT / "bench" / "results"
NETWORKS = ("vgg-small", "resnet18-imagenet", "resnet18-cifar", "resnet20")
KINDS = ("binary tree", "ternary star", "mixed")
COST = 0.10
HOSTS = ("host", "host-vnni")  # a machine without 8-bit products for peers, and one with (bench/host.py)

Result = dict[str, Any]


def with_results(page: str) -> str:
    """The page's text with every part as the JSON files have it now."""
    hosts, scaling = [_read(name) for name in HOSTS], _read("scaling")
    page = _between(page, "aims", _aims(_read("instructions-vgg-small"), hosts, scaling))
    for name in NETWORKS:
        page = _between(page, name, _instructions(_read(f"instructions-{name}")))
    page = _between(page, "host", "\n\n".join(_host(host) for host in hosts))
    page = _between(page, "layers", "\n\n".join(_host_layers(host) for host in hosts))
    page = _between(page, "offsets", _offsets(_read("offsets")))
    page = _between(page, "shared sums", _shared_sums(_read("shared-sums")))
    page = _between(page, "shares", _shares(_read("shares")))
    return _between(page, "scaling", _scaling(scaling))


def with_budgets(page: str) -> str:
    """The kernels' page with the counts of the residual network as the budgets have them now."""
    sys.path.insert(0, str(ROOT / "bench"))
    from budgets import TARGET
    from residual import residual

    compiled = compile_graph(residual(), load_target(TARGET))  # which moves layers: a sign before a pool
    shapes = {plan.op.name: plan.result for plan in compiled.layers}
    budgets = json.loads((ROOT / "bench" / "budgets.json").read_text())["budgets"]
    tree, dense = (budgets[f"residual, {kernel} kernel"] for kernel in ("tree", "dense"))
    rows = []
    for name, count in tree.items():
        shape = shapes.get(name)
        outputs = shape.channels * shape.height * shape.width if shape else 0
        each = f"{count / outputs:.2f}" if outputs else ""
        rows.append([name, f"{count:,}", each, f"{dense[name]:,}"])
    head = ["layer", "instructions, tree kernel", "an output", "dense kernel"]
    return _between(page, "reals", _rows(head, rows, left=1))


def with_zoo(page: str) -> str:
    """The zoo's page with the networks as they were made last."""
    return _between(page, "zoo", _zoo(_read("zoo")))


def _read(name: str) -> Result:
    result: Result = json.loads((RESULTS / f"{name}.json").read_text())
    return result


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def _rows(head: list[str], rows: list[list[str]], left: int) -> str:
    """A table whose first `left` columns are words."""
    ruler = "| " + " | ".join(["---"] * left + ["---:"] * (len(head) - left)) + " |"
    return "\n".join(
        ["| " + " | ".join(head) + " |", ruler, *("| " + " | ".join(row) + " |" for row in rows)]
    )


def _aims(vgg: Result, hosts: list[Result], scaling: Result) -> str:
    rows = []
    totals = {row["weights"]: row["fewer"] for row in vgg["total"] if row["asked"] == COST}
    aims = [(core, "instructions", 6.0) for core in ("cortex-a72", "cortex-a53")]
    aims += [("cortex-a72", "cycles", 6.0), ("cortex-a53", "cycles", 6.0), ("neoverse-n1", "cycles", 8.0)]
    for core, unit, aim in aims:
        got = min(totals[kind][core][unit] for kind in KINDS[:2])
        worst, where = min(
            (layer["dense"][core][unit] / row["on"][core][unit], layer["layer"])
            for layer in vgg["layers"]
            for row in layer["trees"]
            if row["asked"] == COST and row["weights"] in KINDS[:2]
        )
        what = f"VGG-small at cost 0.10, {core}: times fewer {'model ' * (unit == 'cycles')}{unit} than dense"
        row = _aim(what, f">= {aim:g}", f"{got:.2f} (worst layer {worst:.2f}, {where})", got >= aim)
        rows.append(row if got < aim or worst >= aim else [*row[:3], "all together, **not each layer**"])
    loops = [
        (row["on"]["cortex-a72"]["inner_loops"]["instructions_per_adder"] / 4, layer["layer"])
        for layer in vgg["layers"]
        for row in layer["trees"]
        if (row["asked"], row["weights"]) == (COST, KINDS[0])
    ]
    best, worst_loop = min(loops), max(loops)
    got_text = f"{best[0]:.2f} ({best[1]}) to {worst_loop[0]:.2f} ({worst_loop[1]})"
    rows.append(_aim("inner loops against the limit, cortex-a72", "<= 1.25", got_text, worst_loop[0] <= 1.25))
    for host in hosts:
        one = host["whole"][0]["times"]  # on one thread
        onnx = next(times for name, times in one.items() if name.startswith("ONNX"))
        machine = f"{host['cpu']} ({_instruction_set(host)})"
        for cost, aim in ((0.10, 15), (0.45, 7)):
            got = onnx["min_ms"] / one[f"spanbit, cost {cost:.2f}, native"]["min_ms"]
            what = f"{machine}, one thread, VGG-small at {cost:.2f}: times faster than ONNX Runtime int8"
            row = _aim(what, f">= {aim}", f"{got:.1f}", got >= aim)
            rows.append(row if not host["disturbed"] else [*row[:3], "not known: a disturbed run"])
    arena = scaling["arena"]
    allowed = 1.5 * arena["largest_pair_bytes"] + arena["path_bytes"]
    bare = arena["arena_bytes"] - arena["tables_bytes"]
    got_text = f"{bare:,}, and {arena['tables_bytes']:,} of tap tables"
    rows.append(_aim("arena of VGG-small at 0.10, bytes", f"<= {allowed:,.0f}", got_text, bare <= allowed))
    return _rows(["aim", "wanted", "measured", "met"], rows, left=4)


def _aim(what: str, wanted: str, got: str, met: bool) -> list[str]:
    return [what, wanted, got, "yes" if met else "**no**"]


def _instructions(result: Result) -> str:
    cores = list(result["cores"])
    units = [(core, unit) for core in cores for unit in ("instructions", "cycles")]
    head = [
        "layer",
        "weights",
        "limit",
        *(f"{core} {'I' if unit[0] == 'i' else 'C'}" for core, unit in units),
    ]
    rows = []
    for layer in result["layers"]:
        dense = layer["dense"]
        times = f" ({layer['count']} times)" if layer["count"] > 1 else ""
        cells = [f"{dense[core][unit]:,}" for core, unit in units]
        rows.append([layer["layer"] + times, "dense, binary", "", *cells])
        for row in layer["trees"]:
            if row["asked"] == COST:
                figures = [(row["on"][core][unit], dense[core][unit]) for core, unit in units]
                cells = [f"{figure:,} ({than / figure:.1f})" for figure, than in figures]
                rows.append(["", row["weights"], f"{row['limit']:,}", *cells])
    totals = [
        [row["weights"], f"{row['asked']:.2f}", *(f"{row['fewer'][core][unit]:.2f}" for core, unit in units)]
        for row in result["total"]
    ]
    compilers = {core["compiler"] for core in result["cores"].values()}
    note = f"Builds: {', '.join(f'`{name}`' for name in sorted(compilers))}. Cycles: {result['cycles_by']}."
    whole = _rows(["all layers", "cost", *head[3:]], totals, left=1)
    return f"{_rows(head, rows, left=2)}\n\nTimes fewer than dense, all layers together:\n\n{whole}\n\n{note}"


def _host(host: Result) -> str:
    """Programs down, numbers of threads across; the gain is of the last number over the first."""
    parts = host["whole"]
    one = parts[0]["times"]
    peers = {name.split()[0]: name for name in one if "int8" in name}
    head = ["program"]
    for part in parts:
        head += [f"ms, {_threads(part)}, minimum", "median"]
    head += [f"gain of {_threads(part)}" for part in parts[1:]]
    head += [f"times faster than {peer}, {_threads(part)}" for peer in peers for part in parts]
    rows = []
    for name in one:
        row = [name]
        for part in parts:
            row += [f"{part['times'][name][figure]:.3f}" for figure in ("min_ms", "median_ms")]
        row += [f"{one[name]['min_ms'] / part['times'][name]['min_ms']:.2f}" for part in parts[1:]]
        for peer in peers.values():
            row += [f"{part['times'][peer]['min_ms'] / part['times'][name]['min_ms']:.2f}" for part in parts]
        rows.append(row)
    builds = "; ".join(f"{name}: `{flags}`" for name, flags in host["builds"]["whole"].items())
    note = f"{host['cpu']} with {', '.join(host['instructions'])}; {host['rounds']} rounds. {builds}."
    if host["disturbed"]:
        others = max(part["others_share"] for part in (*parts, *host["layers"]))
        share = f"{100 * others:.0f} %"
        note = f"**PROVISIONAL: other programs ran meanwhile and took up to {share} of the cores.** {note}"
    return f"{_rows(head, rows, left=1)}\n\n{note}"


def _instruction_set(host: Result) -> str:
    """What peers multiply bytes with."""
    return next((name for name in host["instructions"] if "vnni" in name), "avx2")


def _threads(part: Result) -> str:
    return f"{part['threads']} thread{'s' * (part['threads'] > 1)}"


def _host_layers(host: Result) -> str:
    names = list(host["layers"][0]["times"])
    rows = [[name, *(f"{layer['times'][name]['min_ms']:.3f}" for layer in host["layers"])] for name in names]
    head = [f"ms, minimum, {_instruction_set(host)}", *(layer["layer"] for layer in host["layers"])]
    return _rows(head, rows, left=1)


def _offsets(offsets: Result) -> str:
    figures = ("bytes_per_tap", "instructions_per_tap", "cycles_per_tap")
    rows = [
        [row["layer"], row["encoding"], *(f"{row[figure]:.2f}" for figure in figures)]
        for row in offsets["rows"]
    ]
    return _rows(["layer", "offsets", "bytes", "instructions", "model cycles"], rows, left=2)


def _shared_sums(result: Result) -> str:
    columns = [(core, unit) for core in result["compilers"] for unit in ("instructions", "cycles")]
    rows = []
    for row in result["rows"]:
        for kernel in row["on"][columns[0][0]]:
            cells = []
            for core, unit in columns:
                figures = row["on"][core]
                fewer = figures["dense"][unit] / figures[kernel][unit]
                cells.append(f"{figures[kernel][unit]:,}" + (f" ({fewer:.2f})" if kernel != "dense" else ""))
            rows.append([row["layer"], f"{row['weights']}, {row['cost']:.3f}", kernel, *cells])
    head = ["layer", "weights, tree cost", "kernel"]
    head += [f"{core} {'I' if unit[0] == 'i' else 'C'}" for core, unit in columns]
    builds = ", ".join(f"`{name}`" for name in sorted(set(result["compilers"].values())))
    note = f"Builds: {builds}. Cycles: {result['cycles_by']}."
    return f"{_rows(head, rows, left=3)}\n\n{_verdict(result)}\n\n{note}"


def _verdict(result: Result) -> str:
    """How the prototype does against both kernels, on all weights."""
    said = []
    for unit in ("instructions", "cycles"):
        for kernel in ("dense", "tree"):
            fewer = [
                figures[kernel][unit] / figures["shared sums"][unit]
                for row in result["rows"]
                for figures in row["on"].values()
            ]
            than = f"{min(fewer):.2f} to {max(fewer):.2f} times fewer {'model ' * (unit == 'cycles')}{unit}"
            said.append(f"{than} than the {kernel} kernel")
    return f"Shared sums take {', '.join(said)} (below 1: more)."


def _shares(result: Result) -> str:
    columns = [(core, unit) for core in result["cores"] for unit in ("instructions", "cycles")]
    kinds = list(result["on"][columns[0][0]]["instructions"])
    rows = []
    for kind in kinds:
        cells = [result["on"][core][unit][kind] for core, unit in columns]
        rows.append([kind, *(f"{cell['count']:,} ({100 * cell['share']:.1f} %)" for cell in cells)])
    over = [
        f"{kind} on {core}, {unit}"
        for kind in kinds[1:]
        for core, unit in columns
        if result["on"][core][unit][kind]["share"] > result["aim"]
    ]
    aim = f"Aim: nothing but the tree convolutions over {100 * result['aim']:.0f} %. "
    aim += f"**Missed** by: {'; '.join(over)}." if over else "Met."
    least = ", ".join(
        f"{core} {floor['cycles']:,} ({100 * floor['share']:.1f} %)"
        for core, floor in result["stem_at_least"].items()
    )
    aim += "\n\nCycles that the stem's products alone take ([kernels.md](kernels.md#the-stem)), and their "
    aim += f"share beside the others: {least}."
    head = ["layers", *(f"{core} {'I' if unit[0] == 'i' else 'C'}" for core, unit in columns)]
    builds = sorted({f"`{core['compiler']}`" for core in result["cores"].values()})
    note = f"Builds: {', '.join(builds)}. Cycles: {result['cycles_by']}."
    return f"{_rows(head, rows, left=1)}\n\n{aim}\n\n{note}"


def _scaling(scaling: Result) -> str:
    rows = [
        [
            *(str(point[name]) for name in ("series", "weights", "channels")),
            f"{point['pixels']:,}",
            f"{point['cost']:.3f}",
            f"{point['instructions']:,}",
            f"{100 * point['deviation']:+.1f} %",
            f"{point['arena_bytes']:,}",
        ]
        for point in scaling["points"]
    ]
    head = ["series", "weights", "channels", "pixels", "cost", "instructions", "against model", "arena bytes"]
    model = ", ".join(f"{name} {value:.2f}" for name, value in scaling["model"].items())
    off = max(scaling["points"], key=lambda point: abs(point["deviation"]))
    note = (
        f"Figures of the model, fitted, in instructions: {model}. The largest deviation is "
        f"{100 * off['deviation']:+.1f} %, at {off['channels']} channels, {off['pixels']} pixels, cost "
        f"{off['cost']:.2f}, {off['weights']}."
    )
    return f"{_rows(head, rows, left=2)}\n\n{note}"


def _zoo(zoo: Result) -> str:
    """Random and trained networks, what they took, and where they are equal."""
    places = max((row["equal_on"] for row in zoo["rows"]), key=len)
    rows, trained = [], []
    for row in zoo["rows"]:
        name = [row["network"], row["images"], str(row["width"])]
        sizes = [f"{row[key]:,}" for key in ("file_bytes", "arena_bytes", "tables_bytes")]
        equal = f"{len(row['equal_on'])} of {len(places)}"
        if row["weights"] == "trained":
            accuracy = [f"{100 * row[key]:.2f} %" for key in ("accuracy", "bundle_accuracy")]
            same = f"{row['same_class']} of {row['tested']}"
            trained.append([*name, f"{row['train_s']:.0f}", *accuracy, same, *sizes, equal])
        else:
            took = [f"{row[key]:.1f}" for key in ("import_s", "compile_s", "write_s")]
            peak = f"{row['peak_mib']:,.0f}"
            above = f"{100 * row['above_least']:.1f} %"
            rows.append([*name, f"random {row['weights']}", *took, peak, *sizes, above, equal])
    size = ["bundle bytes", "arena bytes", "of it tap tables"]
    head = ["network", "images", "width"]
    random_head = [
        *head,
        "weights",
        "import s",
        "compile s",
        "write s",
        "peak MiB",
        *size,
        "above least",
        "equal on",
    ]
    trained_head = [*head, "training s", "PyTorch", "bundle", "same class", *size, "equal on"]
    note = (
        f"CPU seconds, of all threads, and peak memory of a process on {zoo['cpu']}, PyTorch included. "
        f"*Above least*: the arena over the least that any plan needs. Places: {', '.join(places)}."
    )
    return (
        f"{_rows(random_head, rows, left=4)}\n\nTrained on the digits:\n\n"
        f"{_rows(trained_head, trained, left=3)}\n\n{note}"
    )


def main() -> None:
    ZOO.write_text(with_zoo(ZOO.read_text()))
    PAGE.write_text(with_results(PAGE.read_text()))
    KERNELS.write_text(with_budgets(KERNELS.read_text()))


if __name__ == "__main__":
    main()
