"""A sweep as a study: every combination of widths of one network, simulated in one run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, final

from ..core.help import Help
from ..recipe.recipe import ACTIVATION_BITS, WEIGHT_BITS
from ..study import widths
from ..study.study import Study, check
from .source import AbstractAsked, Quick, study_from


@final
@dataclass(frozen=True)
class AskedSweep(AbstractAsked):
    """Widths to combine. `quick`: a class-balanced draw of so many images of each split."""

    weight_bits: Annotated[str, Help("Of weights, 2 to 8.")] = "8,6,4"
    activation_bits: Annotated[str, Help("Of activations, 2 to 16.")] = "8,6,4"
    all_layers: Annotated[bool, Help("Spare no layer: the first and last too.")] = False
    quick: Quick = 0

    def study(self, overrides: Sequence[str] = ()) -> Study:
        """Raises BadOption."""
        weight_bits = widths.parse_bits(self.weight_bits, "--weight-bits", WEIGHT_BITS)
        activation_bits = widths.parse_bits(self.activation_bits, "--activation-bits", ACTIVATION_BITS)
        study = study_from(self, overrides, "sweep")
        return check(
            dataclasses.replace(
                study,
                title=f"Bit-width sweep: {study.title}",
                recipes=("float32", *widths.recipes(weight_bits, activation_bits, self.all_layers)),
                targets=(widths.TARGET,),
                quick=self.quick or study.quick,
            )
        )
