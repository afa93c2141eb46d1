"""The output's step is larger than the scores' differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ...core.interfaces import AbstractFinding
from ..evidence import Evidence
from ..found import Found


@final
@dataclass(frozen=True)
class OutputsNearZero(AbstractFinding):
    symptom: ClassVar[str] = "all scores are zero or equal; the first class wins"
    figure: ClassVar[str] = (
        "one output step against the median lead of the float network's first class over its second: beyond "
        "it, half of the answers are not told apart"
    )
    why: ClassVar[str] = (
        "The output's range is far wider than the scores, so that they round to a few integers near zero."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        step = evidence.output.scale
        best = np.sort(evidence.scores.floats, 1)[:, -2:]
        lead = float(np.median(best[:, -1] - best[:, 0]))
        if not step or lead >= step or evidence.output.softmax:
            return None
        distinct = len(np.unique(evidence.scores.file))
        seen = (
            f"one output step is {step:.3g} and the float network's median lead {lead:.3g};"
            f" the scores have {distinct} distinct values"
        )
        return Found(seen, evidence.ways.ladder())
