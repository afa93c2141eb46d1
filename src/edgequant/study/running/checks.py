"""What is refused before any work is done: names nobody knows, options nobody takes, images that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ...catalog import BACKENDS, CALIBRATORS, DEVICES, POOLS
from ...core.errors import BadOption, EdgequantError
from ...core.registry import unknown
from ...data.draw import calibration_subset
from ...data.named.named_data import named_dataset
from ...recipe.recipe import parse_recipe
from ...recipe.resolve import resolve
from ...store.disk import remove
from ...store.folder import RunFolder
from ..making.learning import check_labels, check_refiners
from ..networks.sources import build_model
from ..plan import needs_images, recipes_of, targets_of
from ..prepared import Prepared
from ..record import MEASURED
from ..study import NetworkSpec, Study


def check_names(study: Study) -> None:
    """Recipes, refiners, calibrators, targets and metrics. Raises UnknownName and BadOption."""
    for recipe in dict.fromkeys(r for spec in study.network for r in recipes_of(study, spec)):
        base, *refiners = recipe.split("+")
        parse_recipe(base)
        check_refiners(base, refiners)
    POOLS.build(study.pool)
    for device in study.devices:
        DEVICES.build(device)
    for target in dict.fromkeys(t for spec in study.network for t in targets_of(study, spec)):
        BACKENDS.build(target)
    for calibration in study.calibration:
        CALIBRATORS.build(calibration.method)
    for criterion in study.criteria:
        if criterion.metric.partition(".")[0] not in MEASURED:
            raise BadOption(unknown("metric", criterion.metric, MEASURED))


def check_networks(study: Study) -> None:
    """Models and data sets. Nothing is loaded. Raises UnknownName, BadOption and BadModel."""
    for spec in study.network:
        build_model(spec.model)
        named_dataset(spec.data)


def check_calibration_images(study: Study, networks: Iterable[tuple[NetworkSpec, Prepared]]) -> None:
    """Raises BadData where a network has fewer images than a calibration asks for, one asks for too few, or a training
    learns from labels that are not there."""
    for spec, network in networks:
        for recipe in recipes_of(study, spec):
            check_labels(recipe.split("+")[1:], network)
        if any(needs_images(recipe) for recipe in recipes_of(study, spec)):
            for calibration in study.calibration:
                calibration_subset(network.splits.train, calibration.n, calibration.seed, study.allow_few)


def check_supported(network: Prepared, recipe: str, target: str) -> None:
    """Raises Unsupported where the target cannot run this recipe of this network."""
    resolve(network.captured.program, parse_recipe(recipe.split("+")[0]), target, BACKENDS.build(target).capability)


@contextmanager
def nothing_left(folder: RunFolder, new: bool) -> Iterator[None]:
    """A folder that this run made goes again where the run is refused before any of its work was done.

    A look at the float network is no such work: it is soon repeated, and is what many a run is refused for.
    """
    try:
        yield
    except EdgequantError:
        if new and all(step.name.startswith("preprocessing-") for step in folder.steps.iterdir()):
            remove(folder.path)
        raise
