"""What a study asks for, network by network, before anything is made."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable

from ..catalog import REFINERS
from ..core.errors import BadOption
from ..data.draw import calibration_size
from ..recipe.recipe import parse_recipe
from ..refine.refiner import Trains
from .prepared import Prepared
from .study import Calibration, NetworkSpec, Study


def recipes_of(study: Study, spec: NetworkSpec) -> tuple[str, ...]:
    """Those of one network, float32 among them: it is what the others are compared with."""
    recipes = spec.recipes or study.recipes
    return recipes if "float32" in recipes else ("float32", *recipes)


def targets_of(study: Study, spec: NetworkSpec) -> tuple[str, ...]:
    return spec.targets or study.targets


def needs_images(recipe: str) -> bool:
    """Whether it has ranges to calibrate, or a refiner that looks at images."""
    return "+" in recipe or parse_recipe(recipe).kind == "static"


def trains(recipe: str) -> bool:
    """Whether it names a refiner that trains."""
    return any(issubclass(REFINERS.get(name.partition(":")[0]), Trains) for name in recipe.split("+")[1:])


def settled(calibration: Calibration, network: Prepared) -> Calibration:
    """The calibration with its number of images: what was asked for, else the default that this pool can give."""
    return dataclasses.replace(calibration, n=calibration_size(calibration.n, len(network.splits.train)))


def check_ids(ids: Iterable[str]) -> None:
    """Raises BadOption where two variants would have one id, and one's files would replace the other's."""
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise BadOption(
            f"Two variants would both be called {twice[0]!r}. Expected each recipe, target and calibration once, recipe"
            ' files of different names, and networks of different names: write name = "…" in [[network]].'
        )
