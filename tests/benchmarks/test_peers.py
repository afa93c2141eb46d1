"""benchmarks/peers: what can be told without the other tools. Their scripts are read, never imported."""

from __future__ import annotations

import argparse
import ast
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"
MODULES = ("networks", "tools", "peers", "table", "measure", "prepare")


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports one of the folder's modules by name; none of them stays behind."""
    monkeypatch.syspath_prepend(str(PEERS))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield import_module
    for name in MODULES:
        sys.modules.pop(name, None)


def scripts(tools: Any) -> dict[str, ast.Module]:
    names = {tool.script.partition(":")[0] for tool in tools.TOOLS}
    return {name: ast.parse((PEERS / f"{name}.py").read_text()) for name in names}


def test_every_script_is_short_and_says_what_it_stands_on(peers: Any) -> None:
    for name, tree in scripts(peers("tools")).items():
        made = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "make"]
        packages = [n for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "PACKAGES"]  # type: ignore[attr-defined]
        assert made and packages and ast.get_docstring(tree), name
        assert len((PEERS / f"{name}.py").read_text().splitlines()) < 60, name


def test_every_environment_has_its_requirements_and_the_makefile_builds_it(peers: Any) -> None:
    told = (PEERS / "Makefile").read_text()
    line = next(line for line in told.splitlines() if line.startswith("ENVIRONMENTS"))
    assert sorted(line.partition(":=")[2].split()) == sorted(peers("tools").ENVIRONMENTS)
    for name in peers("tools").ENVIRONMENTS:
        assert (PEERS / "requirements" / f"{name}.txt").exists()


def test_baselines_are_tools_of_their_runtime(peers: Any) -> None:
    tools = peers("tools")
    known = {tool.key: tool for tool in tools.TOOLS}
    assert len(known) == len(tools.TOOLS)
    assert all(known[key].runtime == runtime for runtime, key in tools.BASELINES.items())
    assert all(tool.after in ("", *known) for tool in tools.TOOLS)


def test_the_weights_that_the_project_keeps_are_where_they_are_looked_for(peers: Any) -> None:
    subjects = [one for one in peers("networks").SUBJECTS.values() if one.weights]
    assert subjects and all(peers("prepare").kept(one).is_file() for one in subjects)


def test_code_lines_leave_out_docstrings_comments_and_blanks(peers: Any) -> None:
    source = '"""Doc\nof two lines."""\n\nimport a  # why\n\n\ndef f(\n    x,\n):\n    """Doc."""\n'
    source += '    # a comment\n    return "x"\n'
    assert peers("table").code_lines(source) == 5


def test_code_lines_count_a_string_that_is_used(peers: Any) -> None:
    assert peers("table").code_lines('x = """a\nb"""\n') == 2


def test_unknown_step_is_refused(peers: Any) -> None:
    parse = peers("peers").words(("make", "table"))
    assert parse("table,make") == ("table", "make")
    with pytest.raises(argparse.ArgumentTypeError, match="latncy; expected some of make, table"):
        parse("latncy")


def test_a_tool_that_cannot_run_is_on_record_and_its_old_file_is_not_taken_for_new(peers: Any, tmp_path: Path) -> None:
    (tmp_path / "nncf_ptq.json").write_text("{}")
    tool = next(tool for tool in peers("tools").TOOLS if tool.key == "nncf_ptq")
    peers("peers").make_one(tool, tmp_path, tmp_path / "no-environments")
    assert "No such file" in (tmp_path / "nncf_ptq.failed.txt").read_text()
    assert not (tmp_path / "nncf_ptq.json").exists()


def test_missing_data_are_told_before_any_work(
    peers: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("EDGEQUANT_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["peers.py", "--work", str(tmp_path / "work")])
    with pytest.raises(SystemExit, match="2"):
        peers("peers").main()
    assert "EDGEQUANT_DATA is not set" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_broken_off_run_goes_on_with_what_is_missing(peers: Any, tmp_path: Path) -> None:
    (tmp_path / "to_onnx.json").write_text("{}")
    (tmp_path / "nncf_ptq.failed.txt").write_text("KeyError: 'x'")
    assert peers("peers").missing(tmp_path, ("to_onnx", "nncf_ptq")) == ("nncf_ptq",)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Two tools with figures, one that failed, the rest not run."""
    from edgequant.tasks.classify import pack_hits

    folder = tmp_path / "resnet8"
    folder.mkdir()
    (folder / "inputs.json").write_text("{}")
    hits = np.arange(1000) % 10 != 0
    for key, share in (("to_onnx", hits), ("onnxruntime_static", hits & (np.arange(1000) % 100 != 1))):
        made = {"file": f"{key}.onnx", "seconds": 9.0, "cpu_seconds": 2.0, "versions": {}}
        figures = {"bytes": 1234, "n": 1000, "top1": float(share.mean()), "top1_ci95": [0.8, 0.95]}
        (folder / f"{key}.json").write_text(json.dumps(made))
        (folder / f"{key}.accuracy.json").write_text(json.dumps({**figures, "hits": pack_hits(share)}))
    (folder / "nncf_ptq.failed.txt").write_text("Traceback\nKeyError: 'x'\n")
    return tmp_path


def test_table_has_every_tool_with_its_figures_or_why_not(peers: Any, work: Path) -> None:
    text = peers("table").write(work, work, ("resnet8", "mobilenet_v2"))
    rows = {row["script"]: row for row in json.loads((work / "peers.json").read_text())["networks"]["resnet8"]["rows"]}
    assert len(rows) == len(peers("tools").TOOLS)
    assert rows["nncf_ptq"]["failed"] == "KeyError: 'x'" and rows["to_tflite"]["failed"] == "not run"
    one = rows["onnxruntime_static"]
    assert one["drop"] == pytest.approx(1.0) and one["drop_ci95"][0] < 1.0 < one["drop_ci95"][1]
    assert one["cpu_seconds_in_all"] == 4.0  # the converter's too
    assert "| ONNX Runtime quantize_static | 89.00% | +1.00 (" in text and "failed: KeyError: 'x'" in text
    assert (work / "peers.md").read_text() == text


def test_float_rows_lose_nothing_by_definition(peers: Any, work: Path) -> None:
    text = peers("table").write(work, work, ("resnet8", "mobilenet_v2"))
    assert "| float32 (torch.onnx.export) | 90.00% |  | 1,234 |" in text
