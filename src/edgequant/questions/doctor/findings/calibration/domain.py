"""Calibrated on images of another domain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationDomain(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops, tensors are saturated or use a fraction of their range"
    figure: ClassVar[str] = (
        "image statistics of the calibration set against the data's: two-sample Kolmogorov-Smirnov test of "
        "every feature, all together at 1e-4; 300 healthy random sets raised no alarm"
    )
    why: ClassVar[str] = (
        "The calibration images are not like those that the network will see. Ranges of their activations do not fit."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        if facts is None or facts.fit.reading is not None or facts.fit.noise:
            return None
        copies = facts.copies
        if copies is not None and copies.made_from:
            return None
        seen = f"the {facts.n} calibration images differ from the data: {facts.fit.seen}"
        return Found(seen, (evidence.remedies.again(),))
