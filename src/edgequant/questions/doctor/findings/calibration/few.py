"""Calibrated on too few images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from .....data.draw import ADVISED, passing
from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationFew(AbstractFinding):
    symptom: ClassVar[str] = "accuracy moves with the choice of calibration images"
    figure: ClassVar[str] = (
        "their number n, at least 300: the next image passes a tensor's range of n images with probability 2 "
        "/ (n + 1), whatever the distribution"
    )
    why: ClassVar[str] = "Few images do not show the ends of a tensor's values, so later ones are clipped."
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        if facts is None or facts.n >= ADVISED:
            return None
        seen = (
            f"{facts.n} calibration images, so {passing(facts.n):.1%} of all images pass the range of any one tensor;"
            f" {ADVISED} images bring that to {passing(ADVISED):.1%}"
        )
        return Found(seen, (evidence.remedies.again(),))
