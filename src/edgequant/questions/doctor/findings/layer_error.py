"""One layer carries the error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ....data.calibration.two_sample import ALPHA
from ....tasks.statistics import mcnemar
from ..evidence import Evidence
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class LayerError(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops although ranges and images are fine"
    figure: ClassVar[str] = (
        "share of the outputs' squared error that goes when one layer alone is put back to float: more than "
        "half, which is more than all others together; and its answers then agree with the float network's on "
        "more images (McNemar at 1e-4 over the layers)"
    )
    why: ClassVar[str] = "One layer quantizes badly: weights of very different size in one scale, or too few bits."
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA … --recipe w8a16"

    def look(self, evidence: Evidence) -> Found | None:
        if not evidence.layers:
            return None
        worst = max(evidence.layers, key=lambda layer: layer.share)
        before, after = float(worst.agree_before.mean()), float(worst.agree.mean())
        p = mcnemar(worst.agree_before, worst.agree) * len(evidence.layers)
        if worst.share <= 0.5 or after <= before or p >= ALPHA:
            return None
        seen = (
            f"with layer {worst.name} ({worst.op}) alone in float, {worst.share:.0%} of the outputs' error goes and"
            f" agreement with the float network rises from {before:.1%} to {after:.1%} (simulated)"
        )
        return Found(seen, evidence.remedies.ladder())
