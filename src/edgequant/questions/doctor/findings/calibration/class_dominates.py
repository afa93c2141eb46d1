"""Calibrated mostly on one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from .....data.calibration.two_sample import ALPHA, binomial_tail
from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationClassDominates(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops on the other classes"
    figure: ClassVar[str] = (
        "images of the largest class, against a draw with that class's share of the data or an equal share, "
        "whichever is larger: binomial test at 1e-4 over the number of classes"
    )
    why: ClassVar[str] = "One class gave most of the calibration images. The ranges are its ranges."
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        if facts is None or facts.counts is None or facts.shares is None:
            return None
        k = int(facts.counts.argmax())
        share = max(float(facts.shares[k]), 1 / len(facts.shares))
        if binomial_tail(int(facts.counts[k]), facts.n, share) * len(facts.shares) >= ALPHA:
            return None
        name = facts.classes[k] if facts.classes else str(k)
        seen = (
            f"{facts.counts[k]} of {facts.n} calibration images are of class {name}; {share:.0%} were expected"
            f" (by {facts.told_by})"
        )
        return Found(seen, (evidence.remedies.again(),))
