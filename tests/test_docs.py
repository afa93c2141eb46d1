"""The site: every command in it is one, its measured figures are those of the results, no page is missing."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from edgequant.catalog import BACKENDS, CALIBRATORS, DATASETS, KINDS, MODELS
from edgequant.cli import app
from edgequant.commands.listing import RECIPES
from edgequant.core.errors import UnknownName
from edgequant.graph.ops.table import matrix
from edgequant.study.running.checks import check_names
from edgequant.study.study import Calibration, NetworkSpec, Study, load_study, shipped

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
EDGEQUANT = typer.main.get_command(app)
PLACEHOLDER = re.compile(r"[A-Z_|]+…?|…")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`(edgequant [^`]+)`(?!`)")


def commands(text: str) -> Iterator[str]:
    """Every command line of a page. A synopsis loses its brackets; prose behind a comma or wide space is cut."""
    for line in "\n".join(body for _, body in FENCE.findall(text)).splitlines():
        if line.startswith("edgequant "):
            yield from plain(line)
    for found in INLINE.findall(FENCE.sub("", text).replace("\n", " ")):
        yield from plain(re.split(r",? (?:without|or|then) |, ", found)[0])


def plain(line: str) -> Iterator[str]:
    """`edgequant train STUDY · list [KIND]` is two commands, and `[--a A | --b B]` both options."""
    for part in re.split(r"\s{3,}(?!·)", line)[0].split(" · "):
        text = part if re.search(r"['\"]", part) else re.sub(r" \[([^]]*)\]", r" \1", part).replace(" | ", " ")
        yield text if text.startswith("edgequant ") else f"edgequant {text}"


LINES = sorted(
    {(path.name, line) for path in (ROOT / "README.md", *PAGES) for line in commands(path.read_text("utf-8"))}
)


def parsed(words: list[str]) -> dict[str, Any]:
    """Option or argument -> its words, as click reads them. Raises click's UsageError."""
    command = EDGEQUANT.commands[words[0]]  # type: ignore[attr-defined]
    context = type(command).context_class(command, info_name=words[0])
    found, left, _ = command.make_parser(context).parse_args(words[1:])
    assert not left, f"more than the command takes: {left}"
    for parameter in command.params:
        given = found.get(parameter.name)
        if isinstance(given, list | tuple | str) and not any(
            map(_placeholder, [given] if isinstance(given, str) else given)
        ):
            parameter.process_value(context, given)
    return {str(name): value for name, value in found.items()}


@pytest.mark.parametrize("name, line", LINES, ids=[f"{name}: {line}" for name, line in LINES])
def test_a_command_of_the_docs_is_one(name: str, line: str) -> None:  # noqa: ARG001
    words = [word for word in shlex.split(line, comments=True)[1:] if word != "…"]
    if words == ["--help"] or words == ["--version"]:
        return
    assert words[0] in EDGEQUANT.commands, f"no command {words[0]}"  # type: ignore[attr-defined]
    given = {name: value for name, value in parsed(words).items() if not _placeholder(value)}
    _check_values(words[0], given)


def _placeholder(value: Any) -> bool:
    return value is None or (isinstance(value, str) and PLACEHOLDER.fullmatch(value) is not None)


def _check_values(command: str, given: dict[str, Any]) -> None:
    """What is named is there: studies with their overrides, recipes, targets, data, calibrators, models."""
    if command in ("run", "train"):
        load_study(given.get("study", "digits"), tuple(given.get("set_", ())))
    if command == "list" and given.get("kind"):
        assert given["kind"] in (*KINDS, "recipes", "studies", "ops")
    if command == "quantize" and "model" in given and ".py" not in given["model"]:
        MODELS.build(given["model"])
    if "target" in given:
        BACKENDS.build(given["target"])
    if "calibrate" in given:
        CALIBRATORS.build(given["calibrate"])
    if "data" in given:
        DATASETS.build(given["data"])
    if not given.get("recipe", ".toml").endswith(".toml"):
        check_names(_asking(given["recipe"]))


def _asking(recipe: str) -> Study:
    network = NetworkSpec("micro_cnn", "digits")
    return Study("docs", recipes=("float32", recipe), calibration=(Calibration(),), network=(network,))


@pytest.mark.parametrize(
    "line",
    ["run --nonsense", "run nothing-of-the-name", "quantize MODEL --data D --recipe w8a99", "benchmark A B", "list x"],
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"nonsense|named|99|takes|kind|assert"):
        test_a_command_of_the_docs_is_one("", f"edgequant {line}")


def test_enough_commands_are_found() -> None:
    assert len(LINES) > 60
    assert {shlex.split(line, comments=True)[1] for _, line in LINES} >= {
        "run",
        "quantize",
        "doctor",
        "search",
        "sweep",
    }


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_what_a_page_quotes_can_be_read(path: Path) -> None:
    for language, body in FENCE.findall(path.read_text("utf-8")):
        if language == "toml":
            tomllib.loads(body)
        if language == "python":
            ast.parse(body)


def test_every_study_and_every_target_has_a_page() -> None:
    assert {path.stem for path in (DOCS / "tutorials").glob("*.md")} == set(shipped())
    targets = {path.stem for path in (DOCS / "targets").glob("*.md")}
    assert targets == (set(BACKENDS) - {"simulation"}) | {"edgetpu"}
    for study in shipped():
        assert f"edgequant run {study}" in (DOCS / "tutorials" / f"{study}.md").read_text("utf-8")


def test_the_navigation_holds_every_page() -> None:
    named = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(str(path.relative_to(DOCS)) for path in PAGES)


def test_the_table_of_methods_is_that_of_the_results() -> None:
    module = _loaded("methods_table")
    _, shown, _ = module.split(module.PAGE.read_text("utf-8"))
    assert shown == module.table(), "type: python docs/methods_table.py"


def test_the_table_of_operations_is_that_of_the_code() -> None:
    page = (DOCS / "reference" / "operations.md").read_text("utf-8")
    assert page.split("\n\n")[-1].strip() == matrix(), "put what `edgequant list ops` prints at the end of the page"


def test_the_recipes_of_the_table_exist() -> None:
    module = _loaded("methods_table")
    for method in module.METHODS:
        if method.name:  # a recipe in a file, kept with its results
            assert (module.RESULTS / f"{method.name}.toml").exists()
            continue
        check_names(_asking(method.recipe))
        assert method.recipe.split("+")[0] in RECIPES


def test_the_reference_names_every_command_and_component() -> None:
    hooks = _loaded("hooks")
    page = hooks.on_page_markdown((DOCS / "reference" / "cli.md").read_text("utf-8"))
    assert all(f"## edgequant {name}" in page for name in EDGEQUANT.commands)  # type: ignore[attr-defined]
    assert "| `--weight-bits` | `8,6,4` |" in page
    page = hooks.on_page_markdown((DOCS / "reference" / "components.md").read_text("utf-8"))
    assert all(f"### {name}\n" in page for table in KINDS.values() for name in table)
    assert "| `q` | `99.9" in page


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=_quiet())
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "reference" / "components" / "index.html").read_text("utf-8")
    assert "learned step sizes" in page or "deployed rounding" in page
    assert not list((tmp_path / "site").glob("*.py"))


def _quiet() -> dict[str, str]:
    return {**os.environ, "NO_MKDOCS_2_WARNING": "1"}


def _loaded(name: str) -> Any:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownName):
        _check_values("quantize", {"target": "nowhere"})


def test_the_drawing_and_the_rooms_are_those_of_the_code() -> None:
    module = _loaded("house_drawing")
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    told = "type: python docs/house_drawing.py"
    assert (DOCS / "architecture.svg").read_text(encoding="utf-8") == module.drawing(), told
    assert page.split(module.BEGIN)[1].split(module.END)[0].strip() == module.table(), told


NAMED = re.findall(
    r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)(?::([\w.]+))?`", (DOCS / "architecture.md").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("path, name", [one for one in NAMED if not one[0].startswith(("tests/", "docs/"))])
def test_what_the_architecture_page_names_is_there(path: str, name: str) -> None:
    level: list[ast.stmt] = ast.parse((ROOT / "src" / "edgequant" / path).read_text(encoding="utf-8")).body
    for word in filter(None, name.split(".")):
        found = {node.name: node for node in level if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        assert word in found, f"{path} has no {name}"
        level = found[word].body
