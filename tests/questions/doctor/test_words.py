"""What the doctor says: commands, confidences, raw outputs, the playbook."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgequant.core.errors import BadData
from edgequant.questions.doctor.confidence import confidence, probabilities, step_at
from edgequant.questions.doctor.evidence import OutputFacts, Scores
from edgequant.questions.doctor.examination.examine import troubleshooting
from edgequant.questions.doctor.outputs import compare_outputs
from evidence_samples import REMEDIES, remedies

DOCS = Path(__file__).parents[3] / "docs"


def test_the_playbook_is_the_findings_own_words() -> None:
    """Written by `edgequant.questions.doctor.examination.examine.troubleshooting`."""
    assert (DOCS / "troubleshooting.md").read_text(encoding="utf-8") == troubleshooting()


def test_a_command_is_one_that_the_shell_takes_apart_again() -> None:
    found = replace(remedies(source="my net.py:make", weights="w.pt"), samples=60)
    words = shlex.split(found.again(method="mse", recipe="w8a16"))
    assert words[:3] == ["edgequant", "quantize", "my net.py:make"] and "--allow-few" in words
    assert words[words.index("--calibrate") + 1] == "mse" and words[words.index("--recipe") + 1] == "w8a16"
    assert words[words.index("--weights") + 1] == "w.pt" and words[-2:] == ["--out", "runs/again"]


def test_a_study_is_run_again_with_what_changes() -> None:
    found = remedies(source="digits")
    assert found.again() == "edgequant run digits --out runs/again"
    words = shlex.split(found.again(method="mse", recipe="w8a16"))
    assert "calibration.0.method=mse" in words and 'recipes=["float32", "w8a16"]' in words


def test_a_file_of_another_tool_is_made_again_there() -> None:
    text = remedies(source="net.tflite").again(method="mse", recipe="w8a8")
    assert "with the tool that made it" in text and "at least 300" in text and "mse" in text and "w8a8" in text


def test_the_remedies_come_in_their_order() -> None:
    better, method, mixed, trained = REMEDIES.ladder()
    assert "--calibrate" not in better and "--calibrate mse" in method and "w8a16" in mixed and "+qat" in trained
    assert replace(REMEDIES, checked=True).ladder() == (method, mixed, trained)
    assert "--recipe w8 " in replace(REMEDIES, target="onnxruntime").ladder()[2], "it has no int16 activations"
    assert "--recipe w8a16 " in replace(REMEDIES, target="tflm").ladder()[2]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(p=st.floats(0.01, 0.99), step=st.floats(1e-4, 0.5), one=st.floats(-3, 3), other=st.floats(-3, 3))
def test_one_step_in_probability_is_what_a_softmax_makes_of_it(p: float, step: float, one: float, other: float) -> None:
    row = np.array([[np.log(p / (1 - p)) + np.logaddexp(one, other), one, other]])
    assert probabilities(row, False)[0, 0] == pytest.approx(p)
    row[0, 0] += step
    assert probabilities(row, False)[0, 0] - p == pytest.approx(step_at(p, OutputFacts(step)), abs=1e-9)


def test_thresholds_count_the_images_that_change_sides() -> None:
    floats = np.log(np.array([[0.91, 0.09], [0.89, 0.11], [0.3, 0.7]], np.float32))
    file = np.log(np.array([[0.89, 0.11], [0.89, 0.11], [0.3, 0.7]], np.float32))
    found = confidence(Scores(floats, file), OutputFacts(0.05, -6, 6))
    row = next(r for r in found["rows"] if r["threshold"] == 0.9)
    assert (row["above_float"], row["above_file"], row["changed"]) == (1, 0, 1)
    assert row["one_step"] == pytest.approx(0.05 * 0.9 * 0.1, rel=0.05) and "One output step is 0.05" in found["words"]


def test_probabilities_and_floats_are_said_as_they_are() -> None:
    shares = np.array([[0.75, 0.25]], np.float32)
    found = confidence(Scores(shares, shares), OutputFacts(1 / 256, 0, 255 / 256, "softmax"))
    assert {row["one_step"] for row in found["rows"]} == {1 / 256}
    assert [row["above_file"] for row in found["rows"]] == [1, 0, 0, 0]
    assert "are floats" in confidence(Scores(shares, shares), OutputFacts())["words"]


def test_raw_outputs_are_compared_in_steps_and_decibels() -> None:
    floats = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    found = compare_outputs(Scores(floats, floats + np.float32(0.5), np.array([0, 0])), OutputFacts(0.25, -8, 8))
    assert found["max_abs"] == 0.5 and found["max_steps"] == 2 and found["agreement"] == 1 and found["images"] == 2
    assert found["sqnr_db"] == pytest.approx(10 * np.log10(2)) and found["float_top1"] == 0.5 and found["drop"] == 0
    same = compare_outputs(Scores(floats, floats), OutputFacts())
    assert same["sqnr_db"] is None and same["max_steps"] is None and same["drop"] is None


def test_two_different_networks_are_refused() -> None:
    with pytest.raises(BadData, match=r"scores 2 classes and the file 3.* Name the one that the file was made from"):
        compare_outputs(Scores(np.zeros((4, 2), np.float32), np.zeros((4, 3), np.float32)), OutputFacts())
