"""A tensor that carries nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from ..evidence import Evidence, TensorFacts
from ..finding import AbstractFinding, Found


@final
@dataclass(frozen=True)
class TensorDead(AbstractFinding):
    symptom: ClassVar[str] = "accuracy near chance, although nothing is clipped"
    figure: ClassVar[str] = (
        "variance of the tensor's float values against that of rounding them to its grid, step^2 / 12: below "
        "it there is more noise than signal; or no variance at all"
    )
    why: ClassVar[str] = (
        "A tensor's range is so much wider than its values that they fall on one or two integers; or the "
        "float network itself is dead there."
    )
    fix: ClassVar[str] = "edgequant quantize MODEL --data DATA --recipe RECIPE --samples 500 --out runs/again"

    def look(self, evidence: Evidence) -> Found | None:
        dead = [t for t in evidence.tensors if t.variance <= t.rounding_energy]
        if not dead:
            return None
        first = dead[0]
        fixes = (_RETRAIN,) if not first.variance else evidence.remedies.ladder()
        return Found(_seen(first, len(dead)), fixes)


_RETRAIN = "train the float network again, or take the layer out: no quantization mends it"


def _seen(tensor: TensorFacts, count: int) -> str:
    more = f", and {count - 1} more" if count > 1 else ""
    if not tensor.variance:
        return f"tensor {tensor.name} ({tensor.layer}) is constant in the float network already{more}"
    return (
        f"tensor {tensor.name} ({tensor.layer}) has values in {tensor.seen_low:.3g} to {tensor.seen_high:.3g} and a"
        f" step of {tensor.step:.3g}: {tensor.codes} integers are used{more}"
    )
