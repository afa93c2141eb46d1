"""What the doctor refuses, how it takes its three inputs, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doctor_samples import Clinic
from edgequant.core.errors import BadData, BadOption

Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def ward(patient: Clinic) -> tuple[Clinic, Path]:
    return patient, patient.file(patient.reference(), name="examined")


def test_a_healthy_file_gives_status_0_and_its_figures(ward: tuple[Clinic, Path], edgequant: Cli) -> None:
    made, file = ward
    said = edgequant("doctor", made.source, file, "--data", made.data, "--samples", 300)
    assert said.status == 0 and "Healthy: nothing found on 359 validation images." in said.out, said.out
    assert "agreement" in said.out and "One output step is" in said.out
    record = json.loads(Path("runs/doctor/doctor.json").read_text())
    assert record["schema"] == "edgequant-doctor/1" and record["healthy"] and record["findings"] == []
    assert record["calibration"]["n"] == 300 and record["split"] == "validation" and record["tensors"] == 5


def test_findings_give_status_1_and_the_command_first(ward: tuple[Clinic, Path], edgequant: Cli) -> None:
    made, file = ward
    words = ("doctor", made.source, file, "--data", made.data, "--samples", 40)
    said = edgequant(*words)
    assert said.status == 1 and "1. calibration_few: 40 calibration images" in said.out
    assert "> edgequant quantize" in said.out
    record = json.loads(edgequant(*words, "--json").out)
    assert [found["name"] for found in record["findings"]] == ["calibration_few"]
    assert set(record["findings"][0]) == {"name", "symptom", "seen", "why", "fixes"}


def test_a_float_file_stands_for_the_float_network(ward: tuple[Clinic, Path]) -> None:
    """And what only its maker can mend is said in words."""
    made, file = ward
    for target in ("litert", "onnxruntime"):
        floats = made.file(made.reference(recipe="float32", target=target), target, "floats")
        other = replace(made, source=str(floats))
        assert other.see(file)["healthy"]
        few = other.see(file, samples=40)["findings"]
        assert few[0]["name"] == "calibration_few" and "with the tool that made it" in few[0]["fixes"][0]


def test_float_weights_alone_are_judged_by_their_scores(ward: tuple[Clinic, Path]) -> None:
    made, _ = ward
    for recipe in ("float32", "dynamic-w8"):
        record = made.see(made.file(made.reference(recipe=recipe), name=recipe))
        assert record["healthy"] and record["tensors"] == 0 and "activations are floats" in record["unseen"][0]


def test_a_calibration_set_may_be_a_data_set_or_an_array(ward: tuple[Clinic, Path]) -> None:
    made, file = ward
    found = made.see(file, calibration=made.data)["calibration"]
    assert found["n"] == 1797 and found["told_by"] == "its labels" and sum(found["counts"]) == 1797
    images, _ = made.calibration()
    np.save(made.folder / "plain.npy", images)
    found = made.see(file, calibration=str(made.folder / "plain.npy"))["calibration"]
    assert found["told_by"] == "the float network's answers" and sum(found["counts"]) == 300


def test_what_cannot_be_examined_is_refused(ward: tuple[Clinic, Path]) -> None:
    made, file = ward
    with pytest.raises(BadOption, match=r"needs images for .*net\.py:net.*\. Give --data"):
        replace(made, data="").see(file)
    floats = made.file(made.reference(recipe="float32"), name="alone")
    with pytest.raises(BadOption, match=r"needs images for .*alone\.tflite\. Give --data"):
        replace(made, data="", source=str(floats)).see(file)
    with pytest.raises(BadOption, match=r"has 1 network, counted from 0"):
        replace(made, source="digits").see(file, network=1)
    with pytest.raises(BadOption, match=r"is opened by litert\. Expected --target litert"):
        made.see(file, target="onnxruntime")
    with pytest.raises(BadOption, match=r"at least one image\. Got --images 0"):
        made.see(file, images=0)
    with pytest.raises(BadData, match=r"takes \(3, 8, 8\) and the float network \(1, 8, 8\)"):
        replace(made, source="micro_cnn", data="digits").see(file, weights="random")


def test_a_calibration_set_that_is_none_is_refused(ward: tuple[Clinic, Path], tmp_path: Path) -> None:
    made, file = ward
    with pytest.raises(BadData, match=r"There is no file .*absent\.npz"):
        made.see(file, calibration="absent.npz")
    np.savez(tmp_path / "other.npz", images=np.zeros(3))
    with pytest.raises(BadData, match=r"holds no images\. Expected an array 'images'"):
        made.see(file, calibration=str(tmp_path / "other.npz"))
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(BadData, match=r"is no array of numbers"):
        made.see(file, calibration=str(tmp_path / "torn.npy"))
