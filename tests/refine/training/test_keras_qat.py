"""Quantization-aware training of a Keras 3 network ends in an int8 file that answers what was simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgequant
from edgequant.models.sources.keras.package import import_keras
from edgequant.study.study import Calibration

pytest.importorskip("keras")
import_keras()
# Keras hands NumPy its variables in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_keras_mobilenetv2_is_trained_and_its_file_answers_as_simulated(tmp_path: Path) -> None:
    labels = np.arange(260) % 4
    noise = np.random.default_rng(0).integers(0, 60, (260, 32, 32, 3))
    images = (noise + 60 * labels[:, None, None, None]).astype(np.uint8)
    result = edgequant.quantize(
        "keras:MobileNetV2,alpha=0.35,size=32",
        (images, labels),
        "w8a8+qat:epochs=1,batch=16,augment=",
        out=tmp_path / "out",
        weights="random",
        calibration=Calibration(n=100),
    )
    found = result.measurements
    assert result.file is not None and result.file.suffix == ".tflite" and found["refine"] == ["qat"]
    assert found["parity"]["gate"] == "passed" and found["parity"]["exact_fraction"] >= 0.9999
    assert {fate["fate"] for fate in found["layers"]} == {"quantized"}
    assert sum("qat: " in fate["reason"] for fate in found["layers"]) >= 52
