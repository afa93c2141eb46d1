"""A sweep as a study: every combination of widths of one network, simulated in one run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..recipe.recipe import ACTIVATION_BITS, WEIGHT_BITS
from ..study import widths as sweep
from ..study.study import Study, check
from .source import AbstractAsked, study_from


@dataclasses.dataclass(frozen=True)
class Asked(AbstractAsked):
    """Widths to combine. `quick`: a class-balanced draw of so many images of each split."""

    weight_bits: str = "8,6,4"
    activation_bits: str = "8,6,4"
    all_layers: bool = False
    quick: int = 0


def study_of(asked: Asked, overrides: Sequence[str] = ()) -> Study:
    """Raises BadOption."""
    weight_bits = sweep.parse_bits(asked.weight_bits, "--weight-bits", WEIGHT_BITS)
    activation_bits = sweep.parse_bits(asked.activation_bits, "--activation-bits", ACTIVATION_BITS)
    recipes = ("float32", *sweep.recipes(weight_bits, activation_bits, asked.all_layers))
    study = study_from(asked, overrides, "sweep")
    return check(
        dataclasses.replace(
            study,
            title=f"Bit-width sweep: {study.title}",
            recipes=recipes,
            targets=(sweep.TARGET,),
            quick=asked.quick or study.quick,
        )
    )
