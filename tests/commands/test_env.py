"""`edgequant env`: what a bug report needs, without loading anything heavy."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgequant.core.errors import MissingExtra
from edgequant.core.extras import EXTRAS, check, installed, line, need

ROOT = Path(__file__).parents[2]


def test_env_tells_versions_features_extras_and_devices(edgequant: Callable[..., Any]) -> None:
    found = json.loads(edgequant("env", "--json").out)
    assert found["edgequant"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["packages"]["torch"] and found["processor"]["cores"] >= 1
    assert set(found["extras"]) == set(EXTRAS) and found["extras"]["charts"] == "installed"
    assert found["devices"]["local"] == "this machine"
    assert "extras\n" in edgequant("env").out


def test_it_loads_neither_torch_nor_a_runtime(python: Callable[..., str]) -> None:
    code = (
        "import sys; from edgequant.commands.env import told; told();"
        " print({'torch', 'onnxruntime', 'keras', 'altair'} & set(sys.modules))"
    )
    assert python(code) == "set()\n"


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    sets = {"all", "demo", "docs", "peers", "dev"}
    assert set(project["optional-dependencies"]) - sets == set(EXTRAS)


def test_a_missing_extra_is_one_line_that_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "never", (("no_such_package",), "nothing"))
    assert not installed("never") and line("torch==2.14.*") == "pip install 'torch==2.14.*'"
    with pytest.raises(MissingExtra, match=r"no_such_package\. Install it: pip install .edgequant\[never\]"):
        check("never", "This")
    with pytest.raises(MissingExtra, match=r"This needs no_such_package, which cannot be imported \(No module named"):
        need("never", "no_such_package", "This")
