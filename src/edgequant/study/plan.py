"""What a study asks for, before anything is made: the variants of each network, and what their recipes need."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

from ..backends.contract import AbstractBackend
from ..catalog import BACKENDS, REFINERS
from ..core.errors import BadOption
from ..data.draw import calibration_size
from ..recipe.recipe import Recipe, parse_recipe
from ..recipe.resolve import Plan, resolve
from ..refine.refiner import AbstractRefiner, Trains
from ..train.settings import TrainSettings
from .prepared import Prepared
from .study import Calibration, NetworkSpec, Study


@final
@dataclass(frozen=True)
class Variant:
    """One file to be made: of a network, by a recipe, on calibration images, for a target.

    `written` is the recipe as the study has it, `w4a8+adaround:iterations=500`. What the words name is built once, when
    it is first asked for; `check_names` has built it before, so that a name nobody knows is refused before any work.
    """

    id: str
    network: Prepared
    written: str
    target: str
    calibration: Calibration
    train: TrainSettings | None = None  # of the float network, which a refiner that trains follows

    @property
    def refine(self) -> list[str]:
        """Its refiners as they are written, with their options."""
        return self.written.split("+")[1:]

    @property
    def plain(self) -> str:
        """The recipe's name without what refines it; of a file, the file's."""
        base = self.written.partition("+")[0]
        return Path(base).stem if base.endswith(".toml") else base

    @property
    def name(self) -> str:
        return "-".join([self.plain, *(r.partition(":")[0] for r in self.refine)])

    @cached_property
    def recipe(self) -> Recipe:
        return parse_recipe(self.written.partition("+")[0])

    @cached_property
    def refiners(self) -> tuple[AbstractRefiner, ...]:
        return tuple(REFINERS.build(spec) for spec in self.refine)

    @cached_property
    def backend(self) -> AbstractBackend:
        return BACKENDS.build(self.target)

    @cached_property
    def plan(self) -> Plan:
        """What becomes of each layer. Raises Unsupported where the target cannot run the recipe of this network."""
        return resolve(self.network.captured.program, self.recipe, self.target, self.backend.capability)

    @property
    def needs_images(self) -> bool:
        """Whether there are ranges to calibrate, or refiners that look at images."""
        return self.recipe.kind == "static" or bool(self.refine)


def plan_variants(study: Study, networks: Iterable[tuple[NetworkSpec, Prepared]]) -> list[Variant]:
    """Every variant of a study, each network's float32 first. Raises BadOption where two would have one id."""
    networks, variants = list(networks), []
    for spec, network in networks:
        prefix = f"{network.name}-{network.data.partition(':')[0]}-" if len(networks) > 1 else ""
        for target in targets_of(study, spec):
            for recipe in recipes_of(study, spec):
                many = needs_images(recipe) and not trains(recipe)  # a training starts from the first
                calibrations = study.calibration if many else study.calibration[:1]
                for number, calibration in enumerate(calibrations):
                    one = Variant("", network, recipe, target, settled(calibration, network), spec.train)
                    variants.append(dataclasses.replace(one, id=_id(prefix, one, number)))
    check_ids(v.id for v in variants)
    return variants


def _id(prefix: str, variant: Variant, number: int) -> str:
    """Target, recipe and refiners with their options; and the calibration, where it is not the study's first. A part of
    a file's name."""
    words = [variant.target, variant.plain, *variant.refine]
    if number:
        calibration = variant.calibration
        words += [calibration.method, f"n{calibration.n}", f"s{calibration.seed}"]
    return "".join(c if c.isalnum() or c in "_.-=" else "-" for c in prefix + "-".join(words))


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
