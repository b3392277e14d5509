"""What the schedulers of the tree kernel's blocks share: macro calls to lines of a header, and the command.

macro_lines(["E(K(0),K(1))", ...], prefix="TB_", names=("V", "K", "X"))
write_or_check(HEADER, text, __file__, description)      # --check only says whether it is up to date
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

_WIDTH = 118


def macro_lines(calls: Sequence[str], prefix: str, names: Sequence[str]) -> str:
    """The calls as lines of one #define, `prefix` in front of them and of `names` within."""
    lines, line = [], "   "
    for call in calls:
        text = call
        for name in names:
            text = text.replace(f"{name}(", f"{prefix}{name}(")
        text = f"{prefix}{text}"
        if len(line) + len(text) + 3 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {text}"
    lines.append(line)
    return " \\\n".join(lines)


def write_or_check(header: Path, text: str, tool: str, description: str) -> bool:
    """The tool's command: writes `text`, or with --check only compares. Returns whether it wrote."""
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="only say whether the header is this one")
    if parser.parse_args().check:
        if header.read_text() != text:
            sys.exit(f"{header.name} is not what tools/{Path(tool).name} writes; run it")
        return False
    header.write_text(text)
    return True
