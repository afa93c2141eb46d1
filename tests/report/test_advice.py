"""The decision between calibration and training, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgequant.core.records import Run
from edgequant.report.advice import advise
from edgequant.report.sections.ptq_or_qat import PTQOrQAT


def record(name: str, recipe: str, top1: float | None, refine: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {
        "id": name, "model": "net", "data": "cifar10", "target": "litert", "recipe": recipe, "refine": list(refine),
        "status": "ok", "baseline_id": "float32", "validation_top1": top1,
        "seconds": {"calibrate": 6.0, "refine": 600.0 if refine else 0.0, "lower": 99.0}, **fields,
    }  # fmt: skip


def run(*variants: dict[str, Any], max_drop: float = 1.0) -> Run:
    base = record("float32", "float32", 0.90)
    return Run({"study": {"max_drop": max_drop}, "variants": [base, *variants]}, Path("unused"))


@pytest.mark.parametrize(
    ("variants", "choice", "words"),
    [
        ([record("a", "w8a8", 0.895)], "PTQ", "PTQ loses 0.50 points in 0.1 min, within 1: QAT is not needed"),
        ([record("a", "w4a8", 0.85)], "try QAT", "more than 1: try w4a8+qat, which was not measured here"),
        (
            [record("a", "w4a8", 0.85), record("b", "w4a8", 0.898, ("qat", "distill"))],
            "QAT",
            "PTQ loses 5.00 points in 0.1 min, more than 1; QAT loses 0.20 points in 10.1 min: train",
        ),
        (
            [record("a", "w4a4", 0.5), record("b", "w4a4", 0.88, ("qat",))],
            "neither",
            "PTQ loses 40.00 points in 0.1 min and QAT loses 2.00 points in 10.1 min, both more than 1",
        ),
        ([record("b", "w4a4", 0.898, ("qat",))], "QAT", "PTQ was not measured"),
        (
            [record("a", "w8a8", 0.85), record("c", "w8a8", 0.899, ("adaround",)), record("b", "w8a8", 0.9, ("qat",))],
            "PTQ",
            "PTQ loses 0.10 points in 10.1 min",
        ),
    ],
)
def test_ptq_first_and_qat_where_it_misses(variants: list[dict[str, Any]], choice: str, words: str) -> None:
    (found,) = advise(run(*variants))
    assert found.choice == choice and words in found.line


def test_what_may_be_lost_is_the_studys() -> None:
    assert advise(run(record("a", "w4a8", 0.85), max_drop=6.0))[0].choice == "PTQ"


def test_only_integer_recipes_that_ran_are_asked_about() -> None:
    others = [record("h", "float16", 0.9), record("d", "dynamic-w8", 0.9), record("f", "w8a8", 0.9, status="failed")]
    assert advise(run(*others)) == [] and PTQOrQAT().rows(run(*others)) == [] and PTQOrQAT().text(run(*others)) == ""
    assert [a.recipe for a in advise(run(record("m", "mixed", 0.9, ("qat",))))] == ["mixed"]
    assert advise(run(record("u", "w8a8", None)))[0].ptq is None


def test_the_section_has_a_row_for_each() -> None:
    shown = run(record("a", "w8a8", 0.895), record("b", "w4a8", 0.5))
    rows = PTQOrQAT().rows(shown)
    assert rows[1] == ("net on cifar10", "litert", "w8a8", "0.50", "0.1", "–", "–", "PTQ") and len(rows) == 3
    assert "more than 1 points" in PTQOrQAT().text(shown)
