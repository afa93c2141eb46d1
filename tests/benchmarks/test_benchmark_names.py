"""Every benchmark names what is there, and calls it as it is defined. They are read, never run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
FILES = sorted(FOLDER.rglob("*.py"))


def bound(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """Each name that a file imports from edgequant, and what it stands for. Raises for what is not there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "edgequant":
            for alias in node.names:
                module, inner = import_module(str(node.module)), f"{node.module}.{alias.name}"
                if hasattr(module, "__path__") and find_spec(inner):  # a package's file, which importing it binds
                    import_module(inner)
                assert hasattr(module, alias.name), f"line {node.lineno}: {node.module} has no {alias.name}"
                yield alias.asname or alias.name, getattr(module, alias.name)


def faults(tree: ast.Module) -> Iterator[str]:
    """What is asked of an imported module and not in it, and calls that what is imported cannot take."""
    names = dict(bound(tree))
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            if inspect.ismodule(module) and not hasattr(module, node.attr):
                yield f"line {node.lineno}: {module.__name__} has no {node.attr}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in own:
            called = names.get(node.func.id)
            open_ended = any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords)
            if callable(called) and not open_ended:
                try:
                    inspect.signature(called).bind(*node.args, **{str(k.arg): k for k in node.keywords})
                except TypeError as error:
                    yield f"line {node.lineno}: {node.func.id}: {error}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_a_benchmark_uses_of_the_package_is_there(path: Path) -> None:
    assert not [*faults(ast.parse(path.read_text(encoding="utf-8")))]


@pytest.mark.parametrize(
    "source, told",
    [
        ("from edgequant.search import engine\nengine.nothing_of_the_name", "engine has no nothing_of_the_name"),
        ("from edgequant.measure.accuracy import Answers\nAnswers(1, 2, 3, 4)", "too many positional arguments"),
        ("from edgequant.core.arrays import only\nonly()", "missing a required argument"),
    ],
)
def test_a_moved_name_and_a_wrong_call_are_noticed(source: str, told: str) -> None:
    (fault,) = faults(ast.parse(source))
    assert told in fault


def test_a_name_that_is_gone_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"measure\.accuracy has no Answer"):
        [*faults(ast.parse("from edgequant.measure.accuracy import Answer"))]
