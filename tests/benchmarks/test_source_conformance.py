"""The Keras and .tflite readers against judges that are not ours: Keras and LiteRT, on random models and files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PARTS = ("keras_models", "float_files", "integer_files")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The script's module; none of the folder's stays behind."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield import_module("source_conformance")
    own = ("keras_cases", "tflite_cases", "source_conformance", "conformance")
    for name in [m for m in sys.modules if m.partition(".")[0] in own]:
        sys.modules.pop(name)


def check(found: dict[str, Any], count: int) -> None:
    assert found["failed"] == [] and found["tried"] == count
    assert found["right"] > 0.35 * count, found


@pytest.mark.parametrize("part", PARTS)
def test_random_sources_are_read_as_their_runtimes_run_them(part: str, bench: Any) -> None:
    check(getattr(bench, part)(80, 0), 80)


@pytest.mark.soak
@pytest.mark.parametrize("part", PARTS)
def test_two_thousand_random_sources(part: str, bench: Any) -> None:
    check(getattr(bench, part)(2000, 100_000), 2000)


def test_the_table_is_printed(bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> None:
    refused = "drawn.tflite: operator 3, SOFTMAX, has the beta 2.0, which edgequant cannot read into its own graph."
    monkeypatch.setattr(bench, "PARTS", {"files": lambda *_: bench.tally([("a", "refused", refused)], bench.reason)})
    monkeypatch.setattr(sys, "argv", ["source_conformance.py", "--out", str(tmp_path / "out.json")])
    assert bench.main() == 0
    said = capsys.readouterr().out
    assert "files: 1 tried, 0 right, 1 refused, 0 wrong" in said and "1 refused: SOFTMAX, has the beta #" in said
    assert (tmp_path / "out.json").read_text()
    for kind in ("wrong", "crashed"):
        monkeypatch.setattr(
            bench, "PARTS", {"files": lambda *_, k=kind: bench.tally([("a", k, "off by 1")], bench.reason)}
        )
        assert bench.main() == 1 and "FAILED a: off by 1" in capsys.readouterr().out
