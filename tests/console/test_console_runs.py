"""What a run prints when it is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgequant.api import Run
from edgequant.console.runs import show

LONG = "Parity missed: " + "2 steps apart, at most 1 expected; " * 8


def record(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": name, "status": "ok", "reason": "", "file": f"artifacts/{name}.tflite", "bytes": 1000, "top1": 0.9,
        "drop": 0.0, "size_ratio": 1.0, "latency_ms": {"p50": 1.0}, "parity": {"gate": "passed"},
    } | fields  # fmt: skip


def test_a_long_reason_stands_below_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a column it would take the width of all the others."""
    criterion = {"name": "small", "variant": "bad", "want": "drop at most 1", "got": 0.0, "met": False}
    results = {
        "study": {"title": "A study", "name": "a"},
        "variants": [record("float32"), record("bad", status="failed", reason=LONG)],
        "recommended": "float32", "recommendation_reason": "It is the only one.", "criteria": [criterion],
    }  # fmt: skip
    show(Run(results, tmp_path))
    said = capsys.readouterr().out
    assert "90.00%" in said and "1,000" in said and "1.00×" in said and "1.00 ms" in said and "★ float32" in said
    assert "Ship float32.tflite (artifacts/float32.tflite). It is the only one." in said
    assert f"bad failed: {LONG}" in said
    assert "UNMET small: drop at most 1, got 0 (bad, which failed)" in said
