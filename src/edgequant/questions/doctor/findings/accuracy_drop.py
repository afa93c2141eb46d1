"""The file is worse than the float network, and nothing above says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ....data.calibration.two_sample import ALPHA
from ....tasks.statistics import mcnemar
from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class AccuracyDrop(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops, and no other finding explains it"
    figure: ClassVar[str] = "images that only one of the two gets right: exact McNemar test at 1e-4"
    why: ClassVar[str] = (
        "Quantization at this width costs this network accuracy. What helps, in this order: better "
        "calibration images, another range method, mixed precision, training with quantization."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA …, then --calibrate mse, then --recipe w8a16, then +qat"
    last_resort: ClassVar[bool] = True

    def look(self, evidence: Evidence) -> Found | None:
        scores = evidence.scores
        if scores.labels is None:
            return None
        before, after = scores.floats.argmax(1) == scores.labels, scores.file.argmax(1) == scores.labels
        p = mcnemar(before, after)
        if after.sum() >= before.sum() or p >= ALPHA:
            return None
        seen = f"{after.mean():.2%} of {len(after)} images are right, {before.mean():.2%} in float; p = {p:.1g}"
        return Found(seen, evidence.remedies.ladder())
