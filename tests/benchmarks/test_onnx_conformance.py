"""The ONNX reader against judges that are not ours: ONNX's backend tests, and ONNX Runtime on random graphs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script's module; none of the folder's stays behind."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield import_module("onnx_conformance")
    for name in [m for m in sys.modules if m.partition(".")[0] in ("onnx_cases", "onnx_conformance", "conformance")]:
        sys.modules.pop(name)


def test_no_backend_test_of_onnx_is_read_wrongly(bench: Any) -> None:
    found = bench.backend_tests()
    assert found["failed"] == [] and found["wrong"] == 0
    assert found["cases"] > 400 and found["right"] > 200, found


def check(found: dict[str, dict[str, Any]], count: int) -> None:
    assert found["read"]["failed"] == [] and found["read"]["tried"] == count
    assert found["captured"]["wrong"] == 0, found["captured"]["failed"]
    assert found["read"]["right"] > 0.6 * count and found["captured"]["right"] > 0.3 * count, found


def test_random_graphs_are_read_as_the_runtime_runs_them(bench: Any) -> None:
    check(bench.random_graphs(60, seed=0), 60)


@pytest.mark.soak
def test_two_thousand_random_graphs(bench: Any) -> None:
    check(bench.random_graphs(2000, seed=100_000), 2000)


def test_the_table_is_printed(bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    backend = {
        "cases": 1,
        **bench.tally(
            [("a", "refused", "a: the node 'x' (Cast) casts to int32. Expected float32")], bench.reason, ("crashed",)
        ),
    }
    monkeypatch.setattr(bench, "backend_tests", lambda: backend)
    monkeypatch.setattr(sys, "argv", ["onnx_conformance.py", "--graphs", "3", "--out", str(tmp_path / "out.json")])
    assert bench.main() == 0
    said = capsys.readouterr().out
    assert "1 tried, 0 right, 1 refused, 0 wrong" in said and "1 refused: (Cast) casts to int32" in said
    assert "against ONNX Runtime: 3 tried" in said and (tmp_path / "out.json").read_text()
    monkeypatch.setattr(
        bench, "backend_tests", lambda: {"cases": 1, **bench.tally([("a", "wrong", "1 of 2 values")], bench.reason)}
    )
    assert bench.main() == 1 and "FAILED a: 1 of 2 values" in capsys.readouterr().out
