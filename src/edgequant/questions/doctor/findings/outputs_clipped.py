"""The output's range is narrower than the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ....data.calibration.two_sample import ALPHA, binomial_tail
from ....data.draw import FEWEST, passing
from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class OutputsClipped(AbstractFinding):
    symptom: ClassVar[str] = "ties between classes, confidences that never pass a value"
    figure: ClassVar[str] = (
        "images with a float score more than a step outside the output's range, against the 2.0% that ranges "
        "from 100 images would give: binomial test at 1e-4"
    )
    why: ClassVar[str] = (
        "The output's range was calibrated too narrow. The largest scores, which decide, are cut to one value."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        output, floats = evidence.output, evidence.scores.floats
        if not output.scale or output.softmax:
            return None
        out = (floats > output.high + output.scale) | (floats < output.low - output.scale)
        clipped, n = int(out.any(1).sum()), len(floats)
        if binomial_tail(clipped, n, passing(FEWEST)) >= ALPHA:
            return None
        seen = (
            f"{clipped} of {n} images have a score outside the output's range, {output.low:.3g} to {output.high:.3g};"
            f" the float scores reach {floats.min():.3g} to {floats.max():.3g}"
        )
        return Found(seen, evidence.remedies.ladder())
