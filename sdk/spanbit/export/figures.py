"""What a network takes on a board, for each choice of tables, and which choice or board it fits.

figures = firmware_figures(net, target)         # flash, RAM, stack, instructions
check_fit(figures, {...}, target)               # SpanbitError with the figures, and what fits
input_plans(bundle, Tables.FLASH)               # what the image's coming row by row saves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from spanbit.bundle import Bundle
from spanbit.errors import ExitCode, SpanbitError
from spanbit.export.estimate import network_amounts
from spanbit.export.measure import measure
from spanbit.export.network import CNetwork
from spanbit.export.plan import FirmwarePlan, Input, Tables, plan_firmware
from spanbit.passes.cost_model import predict
from spanbit.targets import Target, list_targets, load_target, word_bytes


@dataclass(frozen=True)
class FirmwareFigures:
    """Bytes, and executed instructions and cycles of one run by the target's models."""

    tables: str
    input: str
    image_bytes: int  # of the caller's: the image, or a row of it
    const_bytes: int  # weights, tables, layers
    code_bytes: int | None  # None: not measured
    arena_bytes: int
    stack_bytes: int | None
    instructions: int
    instructions_without: tuple[str, ...]  # layers that the model does not know
    cycles: int | None  # None: the target has no model of them
    cycles_source: str  # where the model has its cycles from, or ""
    compiler: str
    not_measured: str  # why, or ""

    @property
    def flash_bytes(self) -> int:
        """All that is known of it."""
        return self.const_bytes + (self.code_bytes or 0)

    @property
    def ram_bytes(self) -> int:
        """All that is known of it; the image and the output are the caller's."""
        return self.arena_bytes + (self.stack_bytes or 0)

    def as_dict(self) -> dict[str, Any]:
        """The twin for JSON."""
        return {**asdict(self), "flash_bytes": self.flash_bytes, "ram_bytes": self.ram_bytes}


def firmware_figures(net: CNetwork, target: Target) -> FirmwareFigures:
    """Of one choice of tables."""
    amounts, left_out = network_amounts(net.plan, target.isa)
    measured = measure(net, target)
    instructions, model = predict(amounts, target.cost), target.cycles
    return FirmwareFigures(
        tables=net.plan.tables.value,
        input=net.plan.given.value,
        image_bytes=net.plan.image_bytes,
        const_bytes=net.const_bytes,
        code_bytes=measured.code_bytes,
        arena_bytes=net.arena_bytes,
        stack_bytes=measured.stack_bytes,
        instructions=round(instructions),
        instructions_without=tuple(left_out),
        cycles=round(instructions * model.per_instruction) if model else None,
        cycles_source=model.source if model else "",
        compiler=measured.compiler,
        not_measured=measured.why,
    )


def fits(figures: FirmwareFigures, target: Target) -> bool:
    """Whether all that is known of it fits the board, if nothing else is there."""
    return figures.flash_bytes <= target.flash_bytes and figures.ram_bytes <= target.ram_bytes


def input_plans(bundle: Bundle, tables: Tables, isa: str = "scalar32") -> dict[Input, FirmwarePlan]:
    """The network's plan for each way that the image may come."""
    word = word_bytes(isa)
    return {given: plan_firmware(bundle, tables, word, given=given) for given in Input}


def check_fit(
    chosen: FirmwareFigures,
    choices: Mapping[Tables, FirmwareFigures],
    target: Target,
    by_rows: Sequence[FirmwareFigures] = (),
) -> None:
    """Raises SpanbitError where the network does not fit: the figures, and the nearest choice that does.

    `by_rows` are choices that ask more of the caller: they are named where no other fits.
    """
    if fits(chosen, target):
        return
    others = [figures for figures in choices.values() if fits(figures, target)]
    others = others or [figures for figures in by_rows if fits(figures, target)]
    if others:
        nearest = min(others, key=lambda figures: figures.instructions)
        fix = f"{_options(nearest)}: {_needs(nearest)}"
    else:
        fix = _board_for([*choices.values(), *by_rows], target)
    raise SpanbitError(
        f"the network does not fit {target.board}",
        where=f"--target {target.name} {_options(chosen)}",
        why=f"it takes {_needs(chosen)}; there are {target.flash_bytes:,} bytes of flash and "
        f"{target.ram_bytes:,} of RAM",
        fix=fix,
        code=ExitCode.UNSUPPORTED_MODEL,
    )


def _options(figures: FirmwareFigures) -> str:
    given = "" if figures.input == Input.IMAGE.value else f" --input {figures.input}"
    return f"--tables {figures.tables}{given}"


def _needs(figures: FirmwareFigures) -> str:
    code = "without code, which was not measured" if figures.code_bytes is None else "code included"
    stack = "without stack, which was not measured" if figures.stack_bytes is None else "stack included"
    return f"{figures.flash_bytes:,} bytes of flash ({code}) and {figures.ram_bytes:,} of RAM ({stack})"


def _board_for(choices: Sequence[FirmwareFigures], target: Target) -> str:
    """The shipped board of least memory that one of the choices fits."""
    boards = [load_target(name) for name in list_targets()]
    boards = [board for board in boards if board.is_firmware and board.name != target.name]
    for board in sorted(boards, key=lambda board: (board.ram_bytes, board.flash_bytes, board.name)):
        fitting = [figures for figures in choices if fits(figures, board)]
        if fitting:
            nearest = min(fitting, key=lambda figures: figures.instructions)
            return f"a board like {board.name} ({board.board}) with {_options(nearest)}: {_needs(nearest)}"
    return "no board of ours holds it; compile a network with fewer channels or smaller images"
