"""The output's step is larger than the scores' differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from ..evidence import Evidence
from ..finding import AbstractFinding, Found

MOST_BEHIND_SOFTMAX = 0.05  # of the images: what a sure classifier of few classes stays well below


@final
@dataclass(frozen=True)
class OutputsNearZero(AbstractFinding):
    symptom: ClassVar[str] = "all scores are zero or equal; the first class wins"
    figure: ClassVar[str] = (
        "one output step against the lead of the float network's first class over its second: beyond it, answers are"
        " not told apart. Half of the images; behind a softmax or sigmoid a twentieth, for its grid is 1/256 whatever"
        " the scores are"
    )
    why: ClassVar[str] = (
        "The output's range is far wider than the scores, so that they round to a few integers near zero. Behind a"
        " softmax over many classes no calibration mends that: the scores before it, logits, have a range of their own"
        " and the same order."
    )
    fix: ClassVar[str] = (
        "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again, or --output logits"
    )

    def look(self, evidence: Evidence) -> Found | None:
        step, kind = evidence.output.scale, evidence.output.squashed
        best = np.sort(evidence.scores.floats, 1)[:, -2:]
        leads = best[:, -1] - best[:, 0]
        lead = float(np.quantile(leads, MOST_BEHIND_SOFTMAX if kind else 0.5))
        if not step or lead >= step:
            return None
        distinct = len(np.unique(evidence.scores.file))
        share = float((leads < step).mean())
        seen = (
            f"one output step is {step:.3g} and the float network's median lead {float(np.median(leads)):.3g}; on"
            f" {share:.1%} of the images the lead is less than a step, and the scores have {distinct} distinct values"
        )
        if kind:
            return Found(f"{seen}. The file ends in a {kind}: ship logits", self._remedies(evidence))
        return Found(seen, evidence.remedies.ladder())

    def _remedies(self, evidence: Evidence) -> tuple[str, ...]:
        return (evidence.remedies.again(output="logits"), evidence.remedies.again(recipe=evidence.remedies.wider))
