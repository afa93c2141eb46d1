"""Data flows one way, so imports do too: a package imports only what stands before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgequant

ORDER = (
    "core", "pools", "data", "models", "train", "graph", "recipe", "calibrate", "quantization", "refine", "search",
    "backends", "measure", "doctor", "devices", "study", "studies", "report", "catalog", "pipeline", "console", "api",
    "__init__", "commands", "cli", "__main__",
)  # fmt: skip
STAGES = (
    "data",
    "models",
    "calibrate",
    "backends",
    "measure",
    "devices",
    "report",
)  # these meet in pipeline and api only
ROOT = Path(edgequant.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
VENDORS = {
    "torch",
    "onnx",
    "onnxruntime",
    "ai_edge_litert",
    "altair",
    "sklearn",
    "scipy",
    "typst",
    "vl_convert",
    "keras",
}


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every node, also those inside functions, but for what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield from statements(other)
            continue
        yield child
        yield from statements(child)


def modules(path: Path) -> Iterator[tuple[str, ...]]:
    """What a file imports, absolute: ("edgequant", "core", "errors", "BadData")."""
    parts = ("edgequant", *path.relative_to(ROOT).with_suffix("").parts)
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] if node.level else ()
            module = (*base, *(node.module or "").split("."))
            yield from (tuple(filter(None, (*module, alias.name))) for alias in node.names)


def imports(path: Path) -> set[str]:
    """The top-level parts of the package that a file imports; `from . import __version__` is of __init__."""
    found = [full[1] for full in modules(path) if full[0] == "edgequant" and len(full) > 1]
    return {part if (ROOT / part).is_dir() or (ROOT / f"{part}.py").is_file() else "__init__" for part in found}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = path.relative_to(ROOT).with_suffix("").parts[0]
    for there in imports(path):
        if (here, there) in {("__init__", "api"), ("pipeline", "__init__")}:  # names the version; imports on first use
            continue
        assert ORDER.index(there) <= ORDER.index(here), f"{here} imports {there}"
        assert here == there or not {here, there} <= set(STAGES), f"{here} and {there} meet"


def test_every_package_has_its_place() -> None:
    present = {path.relative_to(ROOT).with_suffix("").parts[0] for path in FILES}
    assert present <= set(ORDER), present - set(ORDER)


COMMANDS = [f"commands/{path.stem}" for path in sorted((ROOT / "commands").glob("*.py"))]


@pytest.mark.parametrize(
    "name", ["__init__", "__main__", "catalog", "cli", "core/errors", "core/registry", "core/records", *COMMANDS]
)
def test_what_start_up_reads_names_no_vendor_package(name: str) -> None:
    path = ROOT / f"{name}.py"
    at_top = [
        node
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    named = {alias.name.split(".")[0] for node in at_top if isinstance(node, ast.Import) for alias in node.names}
    named |= {(node.module or "").split(".")[0] for node in at_top if isinstance(node, ast.ImportFrom)}
    assert not named & VENDORS
