"""Evidence of a healthy file, to be spoilt one part at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgequant.catalog import FINDINGS
from edgequant.data.calibration.fit import Fit, Reading
from edgequant.data.calibration.near_copies import Copies
from edgequant.data.calibration.two_sample import Comparison
from edgequant.questions.doctor.case import Case
from edgequant.questions.doctor.evidence import (
    CalibrationFacts,
    Evidence,
    Feed,
    InputFacts,
    LayerFacts,
    OutputFacts,
    Running,
    Scores,
    Speed,
    TensorFacts,
)
from edgequant.questions.doctor.finding import AbstractFinding, Found, diagnose
from edgequant.questions.doctor.remedies import Remedies

N = 400
PIXELS = Reading("pixels", True, lambda x: x)
REMEDIES = Remedies(Case("net", Path("net.tflite"), "digits"), "digits")
SAME = Comparison("mean", 1.0, 1.0, 0.5)
FIT = Fit(PIXELS, SAME, False)
FAST, SLOW = Speed(1.0, 0.9, 1.1), Speed(2.0, 1.8, 2.2)


def bools(true: int, n: int = N) -> np.ndarray:
    return np.arange(n) < true


def scores() -> Scores:
    rng = np.random.default_rng(0)
    floats = rng.normal(0, 3, (N, 10)).astype(np.float32)
    return Scores(floats, (floats + rng.normal(0, 0.01, floats.shape)).astype(np.float32), floats.argmax(1))


def tensor(**fields: Any) -> TensorFacts:
    good = TensorFacts("t", "layer", 0.1, 0.0, 25.5, 0.0, 25.0, N, 2, 1e-6, 4.0, 240)
    return replace(good, **fields)


def layer(share: float, agree: int, before: int = 390) -> LayerFacts:
    return LayerFacts("conv", "conv2d", share, bools(agree), bools(before))


def calibration(**fields: Any) -> CalibrationFacts:
    good = CalibrationFacts(500, FIT, Copies(100, 100), np.full(10, 50), np.full(10, 0.1), tuple("abcdefghij"))
    return replace(good, **fields)


def evidence(**fields: Any) -> Evidence:
    good = Evidence(
        REMEDIES,
        scores(),
        InputFacts("int8", 256, 256),
        OutputFacts(0.1, -12.8, 12.7),
        (Feed("as stated", bools(390)), Feed("raw bytes", bools(392), "leave --mean out")),
        calibration(),
        (tensor(), tensor()),
        (layer(0.4, 391), layer(0.3, 390)),
        Running("litert", "litert", True, 7, 7, 7),
    )
    return replace(good, **fields)


def remedies(**fields: Any) -> Remedies:
    """What can be typed in another case than `REMEDIES`'."""
    return replace(REMEDIES, case=replace(REMEDIES.case, **fields))


def findings() -> dict[str, AbstractFinding]:
    return {name: FINDINGS.build(name) for name in FINDINGS}


def names(spoilt: Evidence) -> list[str]:
    return [found.name for found in diagnose(spoilt, findings())]


def only(spoilt: Evidence) -> Found:
    (found,) = diagnose(spoilt, findings())
    return found
