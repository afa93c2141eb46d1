"""Calibrated on the right images, preprocessed wrongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationPreprocessing(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops, tensors are saturated or use a fraction of their range"
    figure: ClassVar[str] = (
        "image statistics of the calibration set against the data's (Kolmogorov-Smirnov, all features "
        "together at 1e-4); the difference vanishes (p above 0.01) once the preprocessing is undone"
    )
    why: ClassVar[str] = (
        "Calibration and inference preprocess differently, so the ranges fit values that the deployed network "
        "never has."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        if facts is None or not facts.fit.preprocessing:
            return None
        seen = f"the {facts.n} calibration images are {facts.fit.preprocessing}; {facts.fit.seen}"
        return Found(seen, (evidence.remedies.again(),))
