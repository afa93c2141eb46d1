"""The file is fed pixels that are preprocessed otherwise than it was made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ....data.calibration.two_sample import ALPHA
from ....tasks.statistics import mcnemar
from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class InputPreprocessing(AbstractFinding):
    symptom: ClassVar[str] = "accuracy is far below the float network's, often near chance"
    figure: ClassVar[str] = (
        "images on which the file agrees with the float network, fed as stated and fed in each way that "
        "people mix up; exact McNemar test at 1e-4 over the number of ways"
    )
    why: ClassVar[str] = (
        "Preprocessing at inference differs from what the file was made with: 0-255 against 0-1, RGB against "
        "BGR, another mean and std, another layout. The integers then stand for other pixels."
    )
    fix: ClassVar[str] = "edgequant doctor MODEL FILE --data DATA --mean MEAN --std STD, or make it again"

    def look(self, evidence: Evidence) -> Found | None:
        stated, others = evidence.feeds[:1], evidence.feeds[1:]
        if not stated or not others:
            return None
        best = max(others, key=lambda feed: float(feed.agree.mean()))
        before, after = float(stated[0].agree.mean()), float(best.agree.mean())
        if after <= before or mcnemar(stated[0].agree, best.agree) * len(others) >= ALPHA:
            return None
        seen = (
            f"fed {stated[0].words}, the file agrees with the float network on {before:.1%} of the images;"
            f" fed {best.words}, on {after:.1%}"
        )
        return Found(seen, (*((best.typed,) if best.typed else ()), evidence.remedies.again()))
