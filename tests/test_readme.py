"""The README's example runs, and every command it names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from edgequant.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_python_example_prints_what_the_readme_shows(tmp_path: Path) -> None:
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().splitlines()
    assert first.startswith("runs/quantize/artifacts/litert-w8a8.tflite: 12,9") and "3.18x smaller" in first
    assert second == "simulation = runtime: 100.00% of the output integers equal"


def test_the_commands_exist() -> None:
    named = set(re.findall(r"^edgequant ([a-z]+)", README, re.MULTILINE)) | {"report", "list"}
    known = {c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands}
    assert named - known == set()


def test_the_picture_is_there() -> None:
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (Path(__file__).parents[1] / picture).is_file()
