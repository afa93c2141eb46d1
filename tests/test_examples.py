"""The notebooks run from the first cell to the last, and print what they show."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))
BETWEEN = "=== cell ==="


def code_cells(path: Path) -> list[dict[str, Any]]:
    book = json.loads(path.read_text("utf-8"))
    assert (book["nbformat"], book["nbformat_minor"]) >= (4, 5)
    return [cell for cell in book["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_and_prints_what_it_shows(path: Path, tmp_path: Path) -> None:
    cells = code_cells(path)
    script = f"\nprint({BETWEEN!r})\n".join("".join(cell["source"]) for cell in cells)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    printed = [part.strip() for part in done.stdout.split(BETWEEN)]
    shown = ["".join(cell["outputs"][0]["text"]).strip() if cell["outputs"] else "" for cell in cells]
    assert [len(part.splitlines()) for part in printed] == [len(part.splitlines()) for part in shown]
    assert "100.00% of the output integers equal" in done.stdout  # figures may differ from machine to machine; not this


def test_there_is_a_notebook_without_a_path_of_a_machine() -> None:
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        assert "/home/" not in path.read_text("utf-8") and "/tmp/" not in path.read_text("utf-8")
