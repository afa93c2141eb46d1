"""What is recommended, and the words for it: over random records, and case by case."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.study.recommendation import recommend, slower
from pipeline_samples import study

LIMIT = 1.0


def record(name: str, size: int = 500, **fields: Any) -> dict[str, Any]:
    return {
        "id": name, "model": "net", "data": "set", "recipe": name, "status": "ok", "reason": "", "bytes": size,
        "baseline_id": "float32", "validation_top1": 0.9, "latency_ms": {"p50": 1.0}, "unfit": None, "caution": "",
        "parity": {"gate": "passed"}, "against_float32": {"value": 1.0, "ci95": [0.9, 1.1], "turns": 9},
        "validation": {"n": 400, "drop": 0.3, "drop_ci95": [-0.2, 0.8]},
        "agreement": {"value": 0.995, "ci95": [0.98, 0.999], "n": 400},
        "fidelity": {"output0": {"sqnr_db": 31.2, "cosine": 0.999, "max_abs": 0.1}},
    } | fields  # fmt: skip


FLOAT32 = record("float32", 1000, validation={"n": 400, "drop": 0.0, "drop_ci95": [-0.9, 0.9]}, unfit="")


def unlabelled(one: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return one | {"validation": None, "validation_top1": None} | fields


@st.composite
def files(draw: st.DrawFn) -> list[dict[str, Any]]:
    labelled, found = draw(st.booleans()), []
    for number in range(draw(st.integers(0, 6))):
        drop, spread = draw(st.floats(-2, 4)), draw(st.floats(0, 3))
        value, times = draw(st.floats(0.9, 1)), draw(st.floats(0.3, 3))
        one = record(
            f"v{number}",
            draw(st.integers(100, 1200)),
            validation={"n": 400, "drop": drop, "drop_ci95": [drop - spread, drop + spread]},
            agreement={"value": value, "ci95": [value - 0.01, min(1.0, value + 0.005)], "n": 400},
            latency_ms={"p50": times},
            against_float32=draw(st.sampled_from([None, {"value": times, "ci95": [times - 0.2, times + 0.2]}])),
            parity=draw(st.sampled_from([None, {"gate": "passed"}, {"gate": "failed"}])),
            status=draw(st.sampled_from(["ok", "ok", "ok", "failed", "unsupported"])),
        )
        found.append(one if labelled else unlabelled(one))
    base = FLOAT32 if labelled else unlabelled(FLOAT32)
    return [base | {"unfit": draw(st.sampled_from(["", "", "", "It answers by chance."]))}, *found]


@settings(deadline=None, max_examples=300)
@given(files(), st.integers(0, 99))
def test_what_is_recommended_was_measured_and_the_words_say_what_was_shown(
    variants: list[dict[str, Any]], seed: int
) -> None:
    name, why = recommend(variants, study(max_drop=LIMIT))
    assert why.endswith(".") and "  " not in why
    if variants[0]["unfit"]:
        assert (name, why) == (None, "It answers by chance.")
        return
    best = next(v for v in variants if v["id"] == name)
    if best is not variants[0]:
        _check(best, why)
    shuffled = random.Random(seed).sample(variants, len(variants))
    other, words = recommend(shuffled, study(max_drop=LIMIT))
    sizes = [v["bytes"] for v in variants]
    if len(set(sizes)) == len(sizes):
        assert (other, words) == (name, why), "the order of the study decides nothing"


def _check(best: dict[str, Any], why: str) -> None:
    assert best["status"] == "ok" and best["bytes"] < 1000 and (best["parity"] or {}).get("gate") != "failed"
    if best["validation"]:
        lost, high = best["validation"]["drop"], best["validation"]["drop_ci95"][1]
    else:
        lost = 100 * (1 - best["agreement"]["value"])
        high = 100 * (1 - best["agreement"]["ci95"][0])
        assert "There are no labels, so accuracy was not measured." in why and "SQNR" in why
    assert lost <= LIMIT + 1e-9
    word, unit = ("lose", "1 point") if best["validation"] else ("change", "1%")
    assert (f"so it {word}s at most the {unit} allowed" in why) == (high <= LIMIT + 1e-9)
    assert (f"may {word} more than the {unit} allowed" in why) == (high > LIMIT + 1e-9)
    if slower(best):
        assert "every such file is slower" in why
    elif best["against_float32"]:
        low, high = best["against_float32"]["ci95"]
        assert ("within the noise" in why) == (low <= 1 <= high) and ("is faster" in why) == (high < 1)


def test_a_wide_interval_makes_it_may() -> None:
    wide = record("w8a8", validation={"n": 400, "drop": 0.3, "drop_ci95": [-0.5, 1.4]})
    name, why = recommend([FLOAT32, wide], study(max_drop=1.0))
    assert name == "w8a8"
    assert (
        "It lost 0.30 points on 400 validation images (95% interval −0.50 to 1.40), so it may lose more than the"
        " 1 point allowed." in why
    )
    assert "It changed 0.50% of float32's answers on 400 validation images" in why, "what else is known"


def test_where_the_latency_decides_nothing_the_smaller_file_is_taken() -> None:
    noisy = {"value": 1.3, "ci95": [0.8, 1.7], "turns": 9}
    slow = {"value": 1.3, "ci95": [1.2, 1.4], "turns": 9}
    quick = record("quick", 600)
    small = record("small", 300, against_float32=noisy)
    name, why = recommend([FLOAT32, small, quick], study())
    assert name == "small" and "as fast as float32 in its runtime, within the noise" in why
    assert recommend([FLOAT32, small | {"against_float32": slow}, quick], study())[0] == "quick"
    name, why = recommend([FLOAT32, small | {"against_float32": None}, quick], study())
    assert name == "small" and "its latency could not be told from float32's" in why


def test_of_unlabelled_files_equally_large_the_nearer_to_float32_is_taken() -> None:
    quiet = unlabelled(record("quiet", fidelity={"output0": {"sqnr_db": 40.0, "cosine": 1.0, "max_abs": 0.0}}))
    assert recommend([unlabelled(FLOAT32), unlabelled(record("loud")), quiet], study())[0] == "quiet"
    why = recommend([unlabelled(FLOAT32), quiet], study())[1]
    assert "It changed 0.50% of float32's answers on 400 validation images (95% interval 0.10 to 2.00%)" in why
    assert "SQNR of its output 40.0 dB" in why


def test_unlabelled_images_on_which_no_file_agrees_name_the_nearest() -> None:
    bad = unlabelled(record("bad"), agreement={"value": 0.95, "ci95": [0.92, 0.97], "n": 300})
    name, why = recommend([unlabelled(FLOAT32), bad], study())
    assert name == "float32" and "No smaller file left at least 99% of float32's answers as they were" in why
    assert "The nearest, bad, changed 5.00%" in why and "SQNR of its output 31.2 dB" in why


def test_what_flatters_the_images_is_in_the_reason() -> None:
    told = "The same images serve calibration and validation, so the loss on new images may be larger."
    assert recommend([FLOAT32, record("a", caution=told)], study())[1].endswith(told)


@pytest.mark.parametrize(
    "variants",
    [
        [FLOAT32 | {"status": "failed", "reason": "The file gave NaN for 3 of 9 images."}, record("a")],
        [record("a", baseline_id=None)],
    ],
)
def test_without_float32_nothing_is_recommended(variants: list[dict[str, Any]]) -> None:
    name, why = recommend(variants, study())
    assert name is None and "there is none. float32: " in why
    assert "NaN for 3 of 9" in why or "no float32 variant was asked for" in why
