"""The benchmark of keras.applications on one small architecture: read, quantized, lowered to both, parity passed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "keras_zoo.py"


@pytest.fixture(scope="module")
def zoo() -> Any:
    spec = importlib.util.spec_from_file_location("keras_zoo", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_mobilenet_v3_small_is_what_was_promised_in_both_runtimes(zoo: Any) -> None:
    zoo.SIZES["MobileNetV3Small"] = zoo.CALIBRATE = zoo.COMPARE = 32
    record = zoo.judged("MobileNetV3Small", ["litert", "onnxruntime"])
    assert record["captured"] and record["layers"] == 63
    for target in ("litert", "onnxruntime"):
        assert record[target]["gate"] == "passed", record[target]["reason"]


def test_what_keras_itself_refuses_is_listed_with_its_reason(zoo: Any) -> None:
    record = zoo.judged("NASNetMobile", ["litert"])
    assert not record["captured"] and "not available with the torch backend" in record["reason"]
