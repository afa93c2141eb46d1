"""Calibrated on augmented training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from .....data.calibration.two_sample import ALPHA, binomial_tail
from ...evidence import Evidence
from ...finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class CalibrationAugmented(AbstractFinding):
    symptom: ClassVar[str] = "ranges a little too wide or shifted; accuracy moves with the seed of the augmentation"
    figure: ClassVar[str] = (
        "likeness of calibration images to the nearest training image, mirrored and shifted ones included, "
        "against that of validation images (Mann-Whitney at 1e-4); they are moved copies, or their statistics "
        "differ"
    )
    why: ClassVar[str] = (
        "The calibration images were made from training images by flips, shifts, erased patches or colour "
        "changes. At inference nothing of the kind comes in: calibrate on images as they are."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.calibration
        copies = facts.copies if facts is not None else None
        if facts is None or copies is None or facts.fit.preprocessing or not copies.made_from:
            return None
        fresh = copies.looked - copies.exact
        moved = binomial_tail(round(copies.moved * fresh), fresh, copies.moved_usually) < ALPHA
        if facts.fit.healthy and not moved and not copies.touched:
            return None
        seen = (
            f"{fresh} of {copies.looked} calibration images are no image of the data, but their likeness to one is"
            f" {copies.near:.3f} (validation images: {copies.usual:.3f}); {copies.moved:.0%} are mirrored or shifted"
        )
        return Found(seen, (evidence.remedies.again(),))
