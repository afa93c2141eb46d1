"""What a sensitivity analysis is asked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, final

from ...core.errors import BadOption
from ...core.help import Help
from ...core.registry import unknown
from ...recipe.recipe import ACTIVATION_BITS, WEIGHT_BITS
from ...study.study import Study, check
from ...study.widths import parse_bits
from ..source import AbstractAsked, Images, study_from

MODES = {
    "exact": "every layer on every image",
    "screened": "successive halving: the most sensitive layers, from as few images as it takes",
    "fast": "second order, from a few passes: a predicted divergence, no accuracy",
}


@final
@dataclass(frozen=True)
class AskedSensitivity(AbstractAsked):
    """Widths to try, how they are tried, and on how many validation images."""

    bits: Annotated[str, Help("Of weights, 2 to 8.")] = "8,4"
    activation_bits: Annotated[int, Help("Of activations, 2 to 16.")] = 8
    mode: Annotated[str, Help("exact; screened (the ten worst, sooner); fast (predicted, soonest).")] = "exact"
    images: Images = 512
    threshold: Annotated[float, Help("Points lost that make a layer SENSITIVE.")] = 0.5

    def widths(self) -> tuple[int, ...]:
        """Of weights. Raises BadOption, as it does for what else nobody can answer."""
        if self.mode not in MODES:
            raise BadOption(unknown("mode", self.mode, MODES))
        if self.activation_bits not in ACTIVATION_BITS:
            raise BadOption(f"--activation-bits takes 2 to 16. Got {self.activation_bits}. Write --activation-bits 8.")
        if self.images < 2 or not 0 <= self.threshold < math.inf:
            raise BadOption(
                f"--images must be at least 2 and --threshold at least 0. Got {self.images} and {self.threshold:g}."
            )
        return parse_bits(self.bits, "--bits", WEIGHT_BITS)

    def study(self, overrides: Sequence[str] = ()) -> Study:
        """Raises BadOption."""
        self.widths()
        study = study_from(self, overrides, "sensitivity")
        title = f"Sensitivity: {study.title}"
        return check(dataclasses.replace(study, title=title, recipes=("float32",), targets=("simulation",)))
