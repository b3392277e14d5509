"""Puts the committed outputs of the demo and the benchmark into README.md, between their markers.

make demo > docs/demo-output.txt && make bench && python tools/readme_output.py
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def with_outputs(readme: str) -> str:
    """The README's text with both parts as the files have them now."""
    demo = (ROOT / "docs" / "demo-output.txt").read_text().strip("\n")
    bench = json.loads((ROOT / "bench" / "results" / "layer.json").read_text())
    readme = _between(readme, "demo output", f"```text\n{demo}\n```")
    return _between(readme, "bench", _bench_table(bench))


def _between(text: str, name: str, content: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def _bench_table(bench: dict[str, object]) -> str:
    host, rows, counted = bench["host"], bench["rows"], bench["counted"]
    assert isinstance(host, dict) and isinstance(rows, list) and isinstance(counted, dict)
    builds = list(host["builds"])
    head = ["kernel", "weights", f"instructions, {counted['cpu']}", *(f"ms, {name}" for name in builds)]
    lines = ["| " + " | ".join(head) + " |", "| --- | --- |" + " ---: |" * (1 + len(builds))]
    dense = next(row for row in rows if (row["kernel"], row["weights"]) == ("dense", "binary"))
    for row in rows:
        cells = [row["kernel"], row["weights"], _ratio(row["instructions"], dense["instructions"], "{:,}")]
        for name in builds:
            ms, yardstick = (r["host_ns"][name]["median"] / 1e6 for r in (row, dense))
            cells.append(_ratio(ms, yardstick, "{:.3f}"))
        lines.append("| " + " | ".join(cells) + " |")
    flags = "; ".join(f"{name}: `{build['compiler']}`" for name, build in host["builds"].items())
    note = (
        "Instructions are executed ones under emulation, exact; milliseconds are medians on one thread of an "
        f"{host['cpu']} ({flags}). In brackets: how many times less than the dense kernel on binary weights."
    )
    return "\n".join([*lines, "", note])


def _ratio(value: float, yardstick: float, form: str) -> str:
    text = form.format(value)
    return text if value == yardstick else f"{text} ({yardstick / value:.1f})"


def main() -> None:
    path = ROOT / "README.md"
    path.write_text(with_outputs(path.read_text()))


if __name__ == "__main__":
    main()
