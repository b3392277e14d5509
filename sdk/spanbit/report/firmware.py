"""What firmware takes, one row for each choice of tables, as text.

Console().print(firmware_table("digits", target, {Tables.FLASH: figures, ...}, Tables.FLASH, inputs))
"""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group
from rich.table import Table
from rich.text import Text

from spanbit.export import FirmwarePlan, Input, Tables
from spanbit.export.figures import FirmwareFigures
from spanbit.targets import Target

_COLUMNS = ("tables", "flash", "constants", "code", "RAM", "arena", "stack", "instructions", "cycles")


def firmware_table(
    name: str,
    target: Target,
    choices: Mapping[Tables, FirmwareFigures],
    chosen: Tables,
    inputs: Mapping[Input, FirmwarePlan],
) -> Group:
    """Bytes, and instructions of one run by the target's model; `*` is what is written.

    `inputs` are the chosen tables' plans: what the image takes in RAM, whole and row by row.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title in _COLUMNS:
        table.add_column(title, justify="left" if title == "tables" else "right", no_wrap=True)
    for tables, row in choices.items():
        numbers = (
            row.flash_bytes,
            row.const_bytes,
            row.code_bytes,
            row.ram_bytes,
            row.arena_bytes,
            row.stack_bytes,
            row.instructions,
            row.cycles,
        )
        cells = ["-" if number is None else f"{number:,}" for number in numbers]
        table.add_row(f"{tables.value}{' *' if tables is chosen else ''}", *cells)
    figures = choices[chosen]
    lines = [
        f"{name} on {target.board}: bytes, there are {target.flash_bytes:,} of flash and "
        f"{target.ram_bytes:,} of RAM; executed instructions by the target's model"
    ]
    for given, plan in inputs.items():
        what = "the image" if given is Input.IMAGE else "a row of it"
        lines.append(
            f"--input {given.value}{' *' if given.value == figures.input else ''}: arena "
            f"{plan.compiled.arena_bytes:,}, and of the caller's RAM {what}, {plan.image_bytes:,}"
        )
    if figures.not_measured:
        lines.append(f"- not measured: {figures.not_measured}")
    if figures.cycles is not None:
        lines.append(
            "cycles: a model, nothing of it measured: each instruction by itself, branches as taken, no wait "
            f"states, no caches; {figures.cycles_source}"
        )
    if figures.instructions_without:
        lines.append(
            f"instructions and cycles without {', '.join(figures.instructions_without)}: "
            "the model does not know them"
        )
    return Group(table, *map(Text, lines))
