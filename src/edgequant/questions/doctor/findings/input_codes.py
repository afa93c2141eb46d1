"""An integer input that is fed values which it cannot tell apart: floats in 0..1 rounded to 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class InputCodes(AbstractFinding):
    symptom: ClassVar[str] = "the file answers the same for every image"
    figure: ClassVar[str] = (
        "distinct values of the input tensor, against the pixels' own: fewer than half means that more than "
        "one of a pixel's bits is lost on the way in"
    )
    why: ClassVar[str] = (
        "The input tensor is fed numbers on another scale than its own, floats in 0..1 into bytes for one. "
        "Rounding then wipes the image out before the network sees it."
    )
    fix: ClassVar[str] = "edgequant doctor MODEL FILE --data DATA, without --mean and --std"

    def look(self, evidence: Evidence) -> Found | None:
        facts = evidence.input
        if facts is None or 2 * facts.codes >= facts.levels:
            return None
        seen = (
            f"{facts.levels} levels of the pixels become {facts.codes} values of the {facts.type} input"
            f"; the file agrees with the float network on {evidence.scores.agree.mean():.1%} of the images"
        )
        best = max(evidence.feeds[1:], key=lambda feed: float(feed.agree.mean()), default=None)
        typed = (best.typed,) if best is not None and best.typed else ()
        return Found(seen, (*typed, evidence.remedies.again()))
