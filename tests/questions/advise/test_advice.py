"""The decision between calibration and training, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgequant.questions.advise.advise import advise
from edgequant.questions.advise.section import PTQOrQAT
from edgequant.store.run import Run


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
        ([record("a", "w8a8", 0.895)], "PTQ", "PTQ in 0.1 min lost 0.50 points on the validation images"),
        (
            [record("a", "w4a8", 0.85)],
            "try QAT",
            "more than the 1 point allowed: try w4a8+qat, which was not measured here",
        ),
        (
            [record("a", "w4a8", 0.85), record("b", "w4a8", 0.898, ("qat", "distill"))],
            "QAT",
            "(no interval was recorded), so it may lose more than the 1 point allowed: train by the figure itself",
        ),
        (
            [record("a", "w4a4", 0.5), record("b", "w4a4", 0.88, ("qat",))],
            "neither",
            "(no interval was recorded), more than the 1 point allowed: give it more bits",
        ),
        ([record("b", "w4a4", 0.898, ("qat",))], "QAT", "PTQ was not measured"),
        (
            [record("a", "w8a8", 0.85), record("c", "w8a8", 0.899, ("adaround",)), record("b", "w8a8", 0.9, ("qat",))],
            "PTQ",
            "PTQ in 10.1 min lost 0.10 points",
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
    assert "more than 1 point" in PTQOrQAT().text(shown)


def paired(drop: float, low: float, high: float, n: int = 400) -> dict[str, Any]:
    return {"validation": {"n": n, "drop": drop, "drop_ci95": [low, high]}}


def test_what_the_interval_does_not_show_may_be_otherwise() -> None:
    shown = advise(run(record("a", "w8a8", 0.897, **paired(0.3, -0.1, 0.9))))[0]
    assert shown.choice == "PTQ" and shown.line.endswith("so it loses at most the 1 point allowed: QAT is not needed.")
    unsure = run(record("a", "w8a8", 0.897, **paired(0.3, -0.5, 1.4)))
    found = advise(unsure)[0]
    assert found.choice == "PTQ" and not found.settled
    assert "lost 0.30 points on 400 validation images (95% interval −0.50 to 1.40)" in found.line
    assert (
        "may lose more than the 1 point allowed" in found.line and "more validation images would settle" in found.line
    )
    assert PTQOrQAT().rows(unsure)[1][3:] == ("0.30 (−0.50 to 1.40)", "0.1", "–", "–", "PTQ, which may lose more")


def test_without_labels_the_answers_that_changed_decide() -> None:
    same = {"validation": None, "agreement": {"value": 0.995, "ci95": [0.981, 0.999], "n": 400}}
    variant = record("a", "w8a8", None, **same)
    found = advise(Run({"study": {}, "variants": [record("float32", "float32", None), variant]}, Path("unused")))[0]
    assert found.choice == "PTQ" and "changed 0.50% of float32's answers on 400 validation images" in found.line


def test_nothing_is_advised_of_a_network_that_answers_by_chance() -> None:
    base = record("float32", "float32", 0.1, unfit="float32 itself cannot be told from guessing.")
    found = advise(Run({"variants": [base, record("a", "w8a8", 0.1)]}, Path("unused")))[0]
    assert found.choice == "no advice" and found.line.endswith(
        "no advice. float32 itself cannot be told from guessing."
    )
    assert advise(run(record("u", "w8a8", None)))[0].choice == "no advice"
