"""A tuning as a target file that the compiler reads.

write_atomic(Path("my-pi.toml"), target_file(figures, extends="rpi4").encode())
"""

from __future__ import annotations

import json
from dataclasses import asdict

from spanbit_deploy.tune.figures import TuneFigures


def target_file(figures: TuneFigures, extends: str) -> str:
    """The text of a file that extends the target `extends` by the new figures."""
    on = "".join(c for c in figures.on if c.isprintable())
    lines = [
        f"# Measured by `spanbit tune --on {on}`, runner built for {figures.target}.",
        f"# {len(figures.layers)} convolutions, synthetic weights, fastest round each. See docs/tuning.md.",
    ]
    if figures.emulated:
        lines.append("# EMULATED: these are the emulator's times, not a board's. Good for trying out only.")
    lines += [f"extends = {json.dumps(extends)}", "", "[cost]"]
    # A TOML basic string and JSON's are the same for what is printable; numbers are written alike.
    lines += [f"{name} = {json.dumps(value)}" for name, value in asdict(figures.new.cost).items()]
    return "\n".join(lines) + "\n"
