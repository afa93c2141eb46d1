"""The record: its keys, what is recommended, which criteria are met, and the exit status."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from edgequant.store.disk import clean
from edgequant.study.criteria import judge_criterion
from edgequant.study.recommendation import recommend
from edgequant.study.record import MEASURED, blank
from edgequant.study.results import SCHEMA, assemble, command, environment, exit_status
from edgequant.study.study import Criterion
from pipeline_samples import prepared, study, variant


def record(name: str, size: int = 1000, **fields: Any) -> dict[str, Any]:
    """A variant that was made, lost nothing, kept its promise and is as fast as float32."""
    return {
        "id": name, "model": "net", "data": "set", "recipe": name, "status": "ok", "reason": "",
        "baseline_id": "float32", "bytes": size, "bytes_estimated": None, "size_ratio": 1000 / size,
        "validation_top1": 0.9, "top1": 0.9, "drop": 0.0,
        "latency_ms": {"p50": 1.0}, "parity": {"gate": "passed", "exact_fraction": 1.0},
    } | fields  # fmt: skip


def timed(name: str, size: int, times: float, spread: float = 0.01) -> dict[str, Any]:
    """Taking so many times as long as float32."""
    ratio = {"value": times, "ci95": [times - spread, times + spread], "turns": 10}
    return record(name, size, latency_ms={"p50": times}, against_float32=ratio)


FLOAT32 = record("float32")


def chosen(*others: dict[str, Any], **asked: Any) -> str | None:
    return recommend([FLOAT32, *others], study(**{"max_drop": 1.0} | asked))[0]


def test_a_blank_record_has_every_key_and_nothing_measured(tmp_path: Path) -> None:
    one = variant(prepared(tmp_path), "w4a8-all+adaround:iterations=5")
    found = blank(one, "unsupported", "no kernel").to_json()
    assert {"recipe": "w4a8-all", "refine": ["adaround"], "name": "w4a8-all-adaround"}.items() <= found.items()
    assert {"status": "unsupported", "reason": "no kernel", "device": "local", "layers": []}.items() <= found.items()
    assert found["calibration"] == {"method": "minmax", "n": 100, "seed": 0}
    assert {found[key] for key in MEASURED} == {None}


def test_the_environment_can_be_repeated() -> None:
    found = environment(7, "edgequant run digits", Path("runs/digits"))
    assert (found["seed"], found["command"]) == (7, "edgequant run digits")
    assert {"edgequant", "python", "torch", "ai-edge-litert", "onnxruntime", "numpy"} <= set(found["versions"])
    assert found["cpu"] and found["threads"] >= 1 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["time"])
    assert found["git"] is None or re.fullmatch("[0-9a-f]{40}", found["git"])


def test_the_whole_record_is_json() -> None:
    found = assemble(
        study(criteria=(Criterion("small", at_least=2.0, metric="size_ratio"),)), [FLOAT32], {}, ["a note"]
    )
    assert json.loads(json.dumps(clean(found)))["schema"] == SCHEMA == "edgequant/1"
    assert found["study"]["name"] == "sample" and found["notes"] == ["a note"] and len(found["criteria"]) == 1


def test_the_smallest_of_the_files_that_fit_is_recommended() -> None:
    assert chosen(record("a", 500), record("b", 250), record("c", 400)) == "b"


def test_of_files_equally_large_the_better_one_on_validation_is_recommended() -> None:
    assert chosen(record("plain", 250), record("rounded", 250, validation_top1=0.91)) == "rounded"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"validation_top1": 0.88}, "lost two points on validation"),
        ({"validation_top1": None}, "its accuracy is not known"),
        ({"parity": {"gate": "failed"}}, "broke its promise"),
        ({"bytes": 1000}, "is no smaller"),
        ({"status": "failed"}, "was not made"),
        ({"status": "unsupported"}, "cannot run"),
        ({"bytes": None}, "is a simulation"),
        ({"baseline_id": None}, "has nothing to be compared with"),
        ({"model": "other"}, "is another network"),
    ],
)
def test_a_file_is_not_recommended_that(fault: dict[str, Any], why: str) -> None:
    assert chosen(record("good", 500), record("bad", 100) | fault) == "good", why
    assert chosen(record("bad", 100) | fault) == "float32", why


def test_the_test_split_has_no_say() -> None:
    lucky, unlucky = record("lucky", 300, drop=-5.0, top1=0.95), record("unlucky", 200, drop=9.0, top1=0.8)
    assert chosen(lucky, unlucky) == "unlucky"
    assert chosen(lucky | {"validation_top1": 0.5}, unlucky | {"validation_top1": 0.5}) == "float32"


def test_exactly_the_drop_that_is_allowed_is_allowed() -> None:
    assert chosen(record("a", 500, validation_top1=0.5), max_drop=40.0) == "a"
    assert chosen(record("a", 500, validation_top1=0.5), max_drop=39.0) == "float32"


def test_a_file_without_parity_may_be_recommended() -> None:
    assert chosen(record("a", 500, parity=None)) == "a"


def test_a_smaller_file_that_is_slower_yields_to_one_that_is_not() -> None:
    slow, quick = timed("slow", 100, 1.2), timed("quick", 500, 1.04)
    assert chosen(slow, quick) == "quick"
    assert chosen(slow, timed("slower", 90, 9.0)) == "slow", "the fastest, where all are slower"
    why = recommend([FLOAT32, slow], study())[1]
    assert why.startswith("The fastest file") and "every such file is slower than float32" in why


def test_a_criterion_on_the_recommended_file_guides_the_choice() -> None:
    wanted = (Criterion("small", metric="size_ratio", at_least=4.0),)
    fits, small = record("fits", 500), timed("small", 200, 3.0)
    assert chosen(fits, small) == "fits" and chosen(fits, small, criteria=wanted) == "small"
    assert chosen(fits, criteria=wanted) == "fits", "where none meets it, the criterion is printed unmet"


def test_where_nothing_can_be_recommended() -> None:
    assert recommend([], study()) == (None, "No variant could be made.")
    assert recommend([record("a", status="failed")], study())[0] is None
    assert "simulated" in recommend([record("a", bytes=None)], study())[1]
    name, why = recommend([FLOAT32], study(max_drop=0.5))
    assert name == "float32" and "no smaller file was made" in why
    name, why = recommend([FLOAT32, record("a", 500, validation_top1=0.88)], study(max_drop=0.5))
    assert name == "float32" and "within 0.5 points" in why and "The nearest, a, lost 2.00 points" in why


@pytest.mark.parametrize(
    ("criterion", "got", "met"),
    [
        (Criterion(metric="drop", at_most=0.5), 0.5, True),
        (Criterion(metric="drop", at_most=0.4), 0.5, False),
        (Criterion(metric="top1", at_least=0.9), 0.9, True),
        (Criterion(metric="top1", at_least=0.91), 0.9, False),
        (Criterion(metric="parity.exact_fraction", at_least=1.0), 1.0, True),
        (Criterion(metric="size_ratio", at_least=1.0, at_most=3.0), 2.0, True),
        (Criterion(metric="size_ratio", at_least=1.0, at_most=1.5), 2.0, False),
        (Criterion(metric="latency_ms.p99", at_most=9.0), None, False),
        (Criterion(metric="file", at_most=9.0), None, False),
    ],
)
def test_a_criterion_is_judged_at_its_bound(criterion: Criterion, got: float | None, met: bool) -> None:
    found = judge_criterion(criterion, [FLOAT32, record("best", 500, drop=0.5)], "best")
    assert [(one["variant"], one["got"], one["met"]) for one in found] == [("best", got, met)]


def test_a_criterion_names_its_variants() -> None:
    both = [record("a-w8a8", drop=0.1), record("b-w8a8", drop=2.0), FLOAT32]
    found = judge_criterion(Criterion("all", "*-w8a8", at_most=1.0), both, None)
    assert [(one["variant"], one["met"]) for one in found] == [("a-w8a8", True), ("b-w8a8", False)]
    assert found[0]["want"].startswith("drop at most 1")
    absent = judge_criterion(Criterion("none", "c-w8a8", at_most=1.0), both, None)
    nothing = {"name": "none", "variant": "c-w8a8", "want": found[0]["want"], "got": None, "met": False, "note": ""}
    assert absent == [nothing]
    assert not judge_criterion(Criterion("best", at_most=1.0), both, None)[0]["met"], "nothing is recommended"


def test_what_failed_meets_no_criterion() -> None:
    found = judge_criterion(Criterion("all", "a", at_most=1.0), [record("a", status="failed")], None)
    assert (found[0]["got"], found[0]["met"]) == (0.0, False)


@pytest.mark.parametrize(
    ("criteria", "changed", "status"),
    [
        ([], {}, 0),
        ([{"met": True}], {}, 0),
        ([{"met": True}, {"met": False}], {}, 1),
        ([], {"status": "failed", "parity": None}, 1),
        ([], {"status": "unsupported", "parity": None}, 0),
        ([], {"parity": {"gate": "failed"}}, 1),
        ([], {"parity": None}, 0),
    ],
)
def test_the_exit_status(criteria: list[dict[str, Any]], changed: dict[str, Any], status: int) -> None:
    assert exit_status({"criteria": criteria, "variants": [FLOAT32, record("a") | changed]}) == status


@pytest.mark.parametrize(
    ("words", "recorded"),
    [
        (["/usr/bin/edgequant", "run", "digits"], "edgequant run digits"),
        (["/lib/edgequant/__main__.py", "run"], "edgequant run"),
        (["/home/me/secret/train.py", "--fast"], "edgequant (Python)"),
    ],
)
def test_what_was_typed_is_recorded_and_a_program_of_ones_own_is_not(
    words: list[str], recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", words)
    assert command() == recorded
