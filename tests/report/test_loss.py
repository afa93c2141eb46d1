"""What was lost and what that shows, in words; and whether the machine had other work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.report import headline
from edgequant.report import lookup as look
from edgequant.report.load import busy, conditions
from edgequant.report.loss import MAY, OVER, SHOWN, Loss, changed, loss, noise
from edgequant.store.run import Run
from report_sample import results

POINTS = st.floats(-50, 50)


@settings(deadline=None)
@given(POINTS, st.floats(0, 20), POINTS, st.booleans())
def test_a_promise_is_made_only_where_the_interval_keeps_it(
    lost: float, spread: float, limit: float, same: bool
) -> None:
    found = Loss(lost, lost - spread, lost + spread, 100, same)
    said = found.sentence(limit)
    expected = OVER if lost > limit + 1e-9 else SHOWN if lost + spread <= limit + 1e-9 else MAY
    assert found.verdict(limit) == expected
    promise = "changes at most" if same else "loses at most"
    assert (promise in said, " may " in said, ", more than" in said) == tuple(
        expected == verdict for verdict in (SHOWN, MAY, OVER)
    )
    assert ("do not settle" in said) == (expected == OVER and lost - spread <= limit + 1e-9)
    assert (f"{limit:g}% allowed" in said) == same, "points are of accuracy, which needs labels"
    assert ("interval of the loss" in said) == (lost < 0 and not same)


def test_without_an_interval_nothing_is_promised() -> None:
    found = loss({"validation_top1": 0.9}, {"validation_top1": 0.9})
    assert found is not None and found.verdict(1.0) == MAY and "no interval was recorded" in found.sentence(1.0)


@pytest.mark.parametrize("broken", [None, 3, {}, {"value": "x"}, {"value": 0.9, "n": 0}, {"drop": None}])
def test_what_is_not_in_a_record_is_not_invented(broken: Any) -> None:
    variant = {"validation": broken, "agreement": broken, "fidelity": broken}
    assert loss(variant, {}) is None and changed(variant) is None and noise(variant) == ""
    assert loss({"validation_top1": 0.9}, None) is None


def test_noise_is_told_for_each_output() -> None:
    one = {"output0": {"sqnr_db": 31.234, "cosine": 1.0, "max_abs": 0.5}}
    assert noise({"fidelity": one}) == "SQNR of its output 31.2 dB"
    assert noise({"fidelity": {"output0": {"sqnr_db": None, "max_abs": 0.0}}}) == "its output is equal to float32's"
    both = {"boxes": {"sqnr_db": 20.0}, "scores": {"sqnr_db": 30.0}}
    assert noise({"fidelity": both}) == "SQNR of its output boxes 20.0 dB; SQNR of its output scores 30.0 dB"


def run(others: float | None, load: float = 0.2, **variant: Any) -> Run:
    before = {"load": load, "cores": 2, "clock": 0.0, "busy_s": 0.0, "own_s": 0.0}
    after = before | {"clock": 10.0, "busy_s": None if others is None else 5.0 + 20 * others, "own_s": 5.0}
    record = {"status": "ok", "conditions": {"before": before, "after": after}, "latency_ms": {"p50": 1.0, "p90": 1.8}}
    return Run({"variants": [record | variant]}, Path("unused"))


def test_a_machine_with_other_work_is_named_with_its_load_and_spread() -> None:
    said = busy(run(0.85, 3.9))
    assert "other processes had 85% of its 2 cores" in said and "load a core 1.95 before and 1.95 after" in said
    assert "p90 up to 1.80 times p50" in said and busy(run(0.05, 3.9)) == "", "a load of this process's own making"
    assert conditions(run(0.05)).startswith("While files were timed: other processes had 5%")


def test_where_the_cores_tell_nothing_the_load_does() -> None:
    assert "load a core 1.50" in busy(run(None, 3.0)) and busy(run(None, 2.0)) == ""
    assert busy(Run({"variants": [{"status": "ok"}]}, Path())) == "" == conditions(Run({}, Path()))
    assert busy(run(0.9, conditions={"before": 3, "after": None})) == ""


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ([0.9, 1.2], "within the noise as fast as"),
        ([0.2, 0.3], "4.00× faster than"),
        (None, "timed in too few turns to be told from"),
    ],
)
def test_a_speed_is_said_as_its_interval_allows(ends: Any, words: str) -> None:
    base = {"latency_ms": {"p50": 4.0}}
    told = None if ends is None else {"value": 0.25, "ci95": ends}
    assert look.speed({"latency_ms": {"p50": 1.0}, "against_float32": told}, base) == words
    assert look.speed({"latency_ms": {"p50": 1.0}}, base) == "4.00× faster than", "an earlier record"
    assert look.speed({"latency_ms": None, "against_float32": told}, base) == "" == look.speed(base, None)


def test_the_headline_says_may_and_without_labels_says_agreement() -> None:
    content = results()
    best = next(v for v in content["variants"] if v["id"] == content["recommended"])
    best |= {"validation": {"n": 400, "drop": 0.2, "drop_ci95": [-0.9, 1.3]}}
    assert headline.answer(Run(content, Path())).endswith(", which may lose more than 1 point")
    agreement = {"value": 0.991, "ci95": [0.98, 0.996], "n": 400}
    best |= {"top1": None, "validation": None, "validation_top1": None, "agreement": agreement}
    assert headline.answer(Run(content, Path())).endswith(", which may change more than 1% of float32's answers")
    first = headline.figures(Run(content, Path()))[0]
    assert (first.label, first.value) == ("Answers as float32's", "99.10%") and "no labels" in first.note
