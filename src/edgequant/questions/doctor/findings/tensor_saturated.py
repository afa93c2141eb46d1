"""A tensor inside the network whose largest values are cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ....data.calibration.two_sample import ALPHA, binomial_tail
from ....data.draw import FEWEST, passing
from ..evidence import Evidence, TensorFacts
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class TensorSaturated(AbstractFinding):
    symptom: ClassVar[str] = "accuracy drops, most on images with strong features"
    figure: ClassVar[str] = (
        "images with a value more than a step outside the tensor's range, against the 2.0% that ranges from "
        "100 images would give (binomial test at 1e-4 over the tensors), where clipping costs more squared "
        "error than rounding, step^2 / 12"
    )
    why: ClassVar[str] = (
        "The range of a tensor is too narrow for the images that come in. What is cut off there, no later "
        "layer can mend."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA … --calibrate mse, then w8a16, then +qat"

    def look(self, evidence: Evidence) -> Found | None:
        found = [t for t in evidence.tensors if _saturated(t, len(evidence.tensors))]
        if not found:
            return None
        worst = max(found, key=lambda t: t.clip_energy / t.rounding_energy)
        more = f"; {len(found) - 1} more tensors too" if len(found) > 1 else ""
        seen = (
            f"tensor {worst.name} ({worst.layer}) holds {worst.low:.3g} to {worst.high:.3g} and takes"
            f" {worst.seen_low:.3g} to {worst.seen_high:.3g} on the data:"
            f" {worst.clipped} of {worst.images} images are cut off{more}"
        )
        return Found(seen, evidence.remedies.ladder())


def _saturated(tensor: TensorFacts, count: int) -> bool:
    surprising = binomial_tail(tensor.clipped, tensor.images, passing(FEWEST)) * count < ALPHA
    return surprising and tensor.clip_energy > tensor.rounding_energy
