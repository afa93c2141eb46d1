"""Calibrated without a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from .....data.calibration.two_sample import ALPHA
from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationClassMissing(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops on some classes only"
    figure: ClassVar[str] = (
        "classes without a calibration image, where a random draw would miss one with probability below 1e-4, "
        "(1 - share)^n over the number of classes"
    )
    why: ClassVar[str] = "A class has no calibration image. What only its images excite is clipped."
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        if facts is None or facts.counts is None or facts.shares is None:
            return None
        by_chance = (1 - facts.shares) ** facts.n * len(facts.shares)  # that a random draw of as many misses a class
        missing = [k for k in range(len(facts.counts)) if not facts.counts[k] and by_chance[k] < ALPHA]
        if not missing:
            return None
        names = ", ".join(facts.classes[k] if facts.classes else str(k) for k in missing[:5])
        seen = (
            f"{len(missing)} of {len(facts.counts)} classes have none of {facts.n} images: {names} (by {facts.told_by})"
        )
        return Found(seen, (evidence.remedies.again(),))
