"""A branch on a grid that a larger one decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

from ..evidence import Evidence, TensorFacts
from ..finding import AbstractFinding, Found

LEAST_DB = 20.0  # of the branch's variance over the noise of rounding: a tenth of its spread is noise
STEPS = 16  # that the branch's values span, at most: with more, a scale of its own would give less than four bits


@final
@dataclass(frozen=True)
class GridShared(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops where branches of different size are concatenated; no calibration helps"
    figure: ClassVar[str] = (
        "variance of the branch's float values over that of rounding them to the shared grid, step^2 / 12: below 20 dB,"
        " where its values span at most 16 of the grid's steps"
    )
    why: ClassVar[str] = (
        "A concatenation has one scale, and the largest branch decides it. edgequant multiplies the small branch in the"
        " layer that makes it and divides in the layers that read it; where an operation stands in the way of that, or"
        " another tool made the file, the small one falls on a few integers."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --out runs/again, or --recipe w8a16"

    def look(self, evidence: Evidence) -> Found | None:
        found = [t for t in evidence.tensors if _short(t)]
        if not found:
            return None
        worst = min(found, key=_sqnr)
        more = f"; {len(found) - 1} more branches too" if len(found) > 1 else ""
        seen = (
            f"tensor {worst.name} ({worst.layer}) takes {worst.seen_low:.3g} to {worst.seen_high:.3g} on a grid of"
            f" {worst.low:.3g} to {worst.high:.3g} that it shares with {worst.beside}: {worst.codes} integers,"
            f" {_sqnr(worst):.0f} dB{more}"
        )
        wider = evidence.remedies.again(recipe=evidence.remedies.wider)
        if worst.bound:
            return Found(f"{seen}. It cannot be rescaled: {worst.bound}", (wider,))
        return Found(seen, (evidence.remedies.again(), wider))


def _short(tensor: TensorFacts) -> bool:
    """A tensor that is constant in float is another finding's."""
    steps = (tensor.seen_high - tensor.seen_low) / tensor.step
    return bool(tensor.beside) and tensor.variance > 0 and steps <= STEPS and _sqnr(tensor) < LEAST_DB


def _sqnr(tensor: TensorFacts) -> float:
    return 10 * math.log10(tensor.variance / tensor.rounding_energy)
