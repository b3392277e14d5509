"""Imports follow the table of docs/architecture.md, and PyTorch stays where it belongs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = {"spanbit": ROOT / "sdk" / "spanbit", "spanbit_deploy": ROOT / "deploy" / "spanbit_deploy"}
TORCH = {"spanbit.nn", "spanbit.importers"}
# The command that trains calls PyTorch for its test archive, at run time.
TORCH_FILES = {"cli/train.py"}


def _table() -> dict[str, set[str]]:
    """Module -> modules that it may import, as the page says."""
    allowed: dict[str, set[str]] = {}
    text = (ROOT / "docs" / "architecture.md").read_text()
    for name, _, names in re.findall(r"^\| `(spanbit[\w.]*)` \| (.*?) \|(.*)\|$", text, re.MULTILINE):
        if "all of the above" in names:
            allowed[name] = set(allowed)
        else:
            allowed[name] = {f"spanbit.{part.strip()}" for part in names.split(",") if part.strip()}
    return allowed


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module or ""
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", getattr(node.func, "attr", "")) == "import_module"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def _module(name: str) -> str:
    """spanbit.tree.build -> spanbit.tree; all of spanbit_deploy is one."""
    parts = name.split(".")
    return parts[0] if parts[0] != "spanbit" else ".".join(parts[:2])


def _files() -> list[tuple[str, Path]]:
    found = []
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            inside = path.relative_to(folder).with_suffix("").parts
            if package == "spanbit" and inside == ("__init__",):
                continue
            found.append((_module(".".join((package, *inside))), path))
    return found


def test_the_table_names_every_module() -> None:
    assert {module for module, _ in _files()} == set(_table())


@pytest.mark.parametrize("module", sorted(_table()))
def test_a_module_imports_only_what_the_table_allows(module: str) -> None:
    allowed = _table()[module] | {module, "spanbit"}
    for owner, path in _files():
        if owner == module:
            used = {_module(name) for name in _imports(path) if name.split(".")[0] in SOURCES}
            assert used <= allowed, f"{path.relative_to(ROOT)} imports {sorted(used - allowed)}"


def test_arrows_never_point_back_up() -> None:
    table = _table()
    assert table["spanbit.tree"] == {"spanbit.errors"}
    assert table["spanbit.graph"] == {"spanbit.errors", "spanbit.tree"}
    assert all("spanbit_deploy" not in names for names in table.values())
    seen: set[str] = set()
    for module, names in table.items():  # a row names only rows above it
        assert names <= seen, module
        seen.add(module)


def test_pytorch_is_imported_by_nn_and_importers_alone() -> None:
    for module, path in _files():
        if any(name.split(".")[0] == "torch" for name in _imports(path)):
            assert module in TORCH or str(path).endswith(tuple(TORCH_FILES)), path
