"""Data flows one way, so imports do too: a file imports from its own room, and from rooms that stand before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import edgequant

ORDER = (
    "core", "host", "store", "catalog",
    "graph.ops", "graph", "graph.parse", "graph.capture",
    "data", "data.folders", "data.classes", "data.named", "data.calibration", "tasks",
    "recipe", "recipe.presets", "calibrate",
    "quantization", "quantization.simulation", "quantization.simulation.kernels",
    "models", "models.architectures", "models.sources.keras", "models.sources", "models.sources.onnx",
    "train", "refine", "refine.training", "search",
    "backends", "backends.tflite", "backends.tflite.read", "backends.tflite.write", "backends.litert",
    "backends.onnx", "backends.onnxruntime", "backends.tensorrt", "backends.executorch",
    "measure", "devices.far", "devices", "pools",
    "report.charts", "report.templates", "report", "report.snippets", "report.sections", "report.formats",
    "files",
    "studies", "study", "study.networks", "study.making", "study.answering", "study.running",
    "questions", "questions.advise", "questions.sensitivity", "questions.search",
    "questions.doctor", "questions.doctor.findings", "questions.doctor.findings.calibration",
    "questions.doctor.examination",
    "console", "api", "", "commands", "cli", "__main__",
)  # fmt: skip
LARGEST = 16  # files of a room, its `__init__` among them
ROOT = Path(edgequant.__file__).parent
FILES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}
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


def room(name: str) -> str:
    """`study.making` of `study.making.variant`; a file of the package itself is a room, its `__init__` is ""."""
    package, _, stem = name.rpartition(".")
    return package if package or stem == "__init__" else stem


def imports(name: str) -> Iterator[str]:
    """The files of the package that a file imports, anywhere in it, also for the type checker alone."""
    parts = ("edgequant", *name.split("."))
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = parts[: len(parts) - node.level] if node.level else ()
            module = tuple(filter(None, (*base, *(node.module or "").split("."))))
            if module[0] != "edgequant":
                continue
            for alias in node.names:
                found = (".".join(filter(None, (*module[1:], *more))) for more in ((alias.name,), ("__init__",), ()))
                yield next(one for one in found if one in FILES)


GRAPH = {name: set(imports(name)) - {name} for name in FILES}


@pytest.mark.parametrize("name", [n for n in FILES if n != "catalog"])  # the catalog names what its entries implement
def test_imports_point_one_way(name: str) -> None:
    for there in GRAPH[name]:
        if (room(name), room(there)) in {("", "api"), ("study", "")}:  # imports on first use; names the version
            continue
        assert ORDER.index(room(there)) <= ORDER.index(room(name)), f"{name} imports {there}"


def test_there_are_no_circles() -> None:
    try:
        TopologicalSorter(
            {name: needs for name, needs in GRAPH.items() if name not in ("catalog", "__init__")}
        ).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_room_has_its_place_and_says_what_is_in_it() -> None:
    assert {room(name) for name in FILES} == set(ORDER)
    for name, path in FILES.items():
        if path.name == "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{name} says nothing"


def test_no_room_is_too_large() -> None:
    sizes = {folder: len([*folder.glob("*.py")]) for folder in ROOT.rglob("*") if folder.is_dir()}
    assert max(sizes.values()) <= LARGEST, max(sizes, key=sizes.__getitem__)


def test_tests_lie_where_their_subject_lies() -> None:
    beside = {"benchmarks", "keys", "reliability", "samples"}
    for path in (here := Path(__file__).parent).rglob("test_*.py"):
        folder = path.parent.relative_to(here)
        assert (ROOT / folder).is_dir() or folder.parts[0] in beside, path


COMMANDS = [f"commands.{path.stem}" for path in sorted((ROOT / "commands").glob("*.py"))]


@pytest.mark.parametrize(
    "name", ["__init__", "__main__", "catalog", "cli", "core.errors", "core.registry", "store.run", *COMMANDS]
)
def test_what_start_up_reads_names_no_vendor_package(name: str) -> None:
    at_top = ast.parse(FILES[name].read_text(encoding="utf-8")).body
    named = {a.name.split(".")[0] for node in at_top if isinstance(node, ast.Import) for a in node.names}
    named |= {(node.module or "").split(".")[0] for node in at_top if isinstance(node, ast.ImportFrom)}
    assert not named & VENDORS
