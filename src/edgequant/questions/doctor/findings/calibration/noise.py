"""Calibrated on random noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationNoise(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops, tensors are saturated or use a fraction of their range"
    figure: ClassVar[str] = (
        "likeness of neighbouring pixels against that of the same images shuffled (two-sample "
        "Kolmogorov-Smirnov test at 1e-4): noise is what shuffling does not change"
    )
    why: ClassVar[str] = (
        "The calibration images are random noise. Their activations are not those of real images, so neither "
        "are the ranges."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        if facts is None or facts.fit.reading is not None or not facts.fit.noise:
            return None
        seen = (
            f"neighbouring pixels of the {facts.n} calibration images are no more alike than shuffled ones;"
            f" {facts.fit.seen}"
        )
        return Found(seen, (evidence.remedies.again(),))
