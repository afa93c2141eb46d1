"""One variant: a network, a recipe, a calibration and a target become a file and the promise of what it answers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...backends.contract import AbstractBackend
from ...catalog import BACKENDS, CALIBRATORS, REFINERS
from ...core.arrays import Array, only
from ...core.progress import AbstractProgress
from ...data.draw import asked, calibration_subset, drawn
from ...quantization.build import build
from ...quantization.reference import Reference
from ...quantization.simulation.simulate import simulate
from ...quantization.size import estimated_bytes
from ...recipe.recipe import Recipe, parse_recipe
from ...recipe.resolve import Plan, resolve
from ...recipe.scheme import LayerFate
from ...refine.notes import noted
from ...store.folder import Kept, RunFolder
from ...store.outputs import load_outputs, save_outputs
from ...train.settings import TrainSettings
from .. import keys
from ..plan import check_ids, needs_images, recipes_of, settled, targets_of, trains
from ..prepared import Prepared
from ..study import Calibration, Study
from .calibration import Observers, checked, statistics, with_branches
from .learning import settings_of, teachers, trained
from .pruned import pruned
from .refined import refined

FILE = "network"  # in the step; it gets the variant's id where it ships, which two studies may choose otherwise


@dataclass(frozen=True)
class Variant:
    """What is asked for. `recipe` may name refiners: `w4a8+adaround`."""

    id: str
    network: Prepared
    recipe: str
    target: str
    calibration: Calibration
    train: TrainSettings | None = None  # of the float network, which a refiner that trains follows

    @property
    def base(self) -> str:
        return self.recipe.split("+")[0]

    @property
    def refine(self) -> list[str]:
        return self.recipe.split("+")[1:]

    @property
    def plain(self) -> str:
        """The recipe's name without what refines it."""
        return Path(self.base).stem if self.base.endswith(".toml") else self.base

    @property
    def name(self) -> str:
        return "-".join([self.plain, *(r.partition(":")[0] for r in self.refine)])


def plan_variants(study: Study, networks: list[tuple[Any, Prepared]]) -> list[Variant]:
    """Every variant of a study, each network's float32 first. Raises BadOption where two would have one id."""
    variants = []
    for spec, network in networks:
        prefix = f"{network.name}-{network.data.partition(':')[0]}-" if len(networks) > 1 else ""
        for target in targets_of(study, spec):
            for recipe in recipes_of(study, spec):
                many = needs_images(recipe) and not trains(recipe)  # a training starts from the first
                calibrations = study.calibration if many else study.calibration[:1]
                for number, calibration in enumerate(calibrations):
                    one = Variant("", network, recipe, target, settled(calibration, network), spec.train)
                    variants.append(dataclasses.replace(one, id=_slug(f"{prefix}{_id(one, number)}")))
    check_ids(v.id for v in variants)
    return variants


def _id(variant: Variant, number: int) -> str:
    """Target, recipe and refiners with their options; and the calibration, where it is not the study's first."""
    words = [variant.target, variant.plain, *variant.refine]
    if number:
        calibration = variant.calibration
        words += [calibration.method, f"n{calibration.n}", f"s{calibration.seed}"]
    return "-".join(words)


def _slug(text: str) -> str:
    """As a part of a file's name."""
    return "".join(c if c.isalnum() or c in "_.-=" else "-" for c in text)


def make(variant: Variant, study: Study, run: RunFolder, progress: AbstractProgress) -> Kept:
    """The file, and what simulation promises on validation and test. Cached by content. Raises Unsupported.

    A target that makes no file has the promise alone: `file`, `sha256` and `bytes` are None.
    """
    with keys.share_of_threads(study.workers):
        return _kept_or_made(variant, study, run, progress)


def _kept_or_made(variant: Variant, study: Study, run: RunFolder, progress: AbstractProgress) -> Kept:
    backend = BACKENDS.build(variant.target)
    recipe = parse_recipe(variant.base)
    smaller, pruning = pruned(variant.network, variant.refine, recipe, variant.target, run, progress)
    variant = dataclasses.replace(variant, network=smaller)
    plan = resolve(variant.network.captured.program, recipe, variant.target, backend.capability)
    refiners = [REFINERS.build(name) for name in variant.refine]
    inputs = {
        "network": variant.network.key,
        "recipe": dataclasses.asdict(recipe),
        "refine": keys.components(refiners),
        "teachers": teachers(refiners, variant.network),
        "target": keys.component(backend),
        "calibration": _calibrated(variant, study) if recipe.kind == "static" or variant.refine else None,
        "training": settings_of(variant.train, refiners),
        "quick": asked(study.quick),
        **keys.measured(),
    }
    return run.step(
        "variant", inputs, lambda folder: _make(variant, recipe, plan, backend, study, run, folder, progress, pruning)
    )


def _calibrated(variant: Variant, study: Study) -> dict[str, Any]:
    """Of a key: the ranges, the images, and whether so few of them are accepted."""
    calibration = variant.calibration
    drawn = {"n": calibration.n, "seed": calibration.seed, "allow_few": study.allow_few}
    return {"calibrator": keys.component(CALIBRATORS.build(calibration.method)), **drawn}


def _make(
    variant: Variant,
    recipe: Recipe,
    plan: Plan,
    backend: AbstractBackend,
    study: Study,
    run: RunFolder,
    folder: Path,
    progress: AbstractProgress,
    pruning: float = 0.0,
) -> dict[str, Any]:
    seconds: dict[str, float] = {"prune": pruning} if pruning else {}
    reference, checks = reference_of(variant, recipe, plan, study.allow_few, seconds, run, progress)
    start = time.perf_counter()
    size = _lower(reference, backend, folder)
    seconds["lower"] = time.perf_counter() - start
    _promise(variant, reference, backend, study, folder, progress)
    return {
        **size,
        "layers": [fate_record(f) for f in reference.layers],
        "all_integer": reference.all_integer,
        "compression": compression(reference),
        "calibration_checks": checks,
        "seconds": seconds,
    }


def _lower(reference: Reference, backend: AbstractBackend, folder: Path) -> dict[str, Any]:
    """The file and its size; without a file, the size it would have."""
    if not backend.capability.ships:
        return {"file": None, "sha256": None, "bytes": None, "bytes_estimated": estimated_bytes(reference)}
    made = backend.lower(reference, folder / f"{FILE}{backend.capability.suffix}")
    return {"file": made.path.name, "sha256": made.sha256, "bytes": made.bytes, "bytes_estimated": None}


def remade(variant: Variant, study: Study, run: RunFolder, progress: AbstractProgress) -> Reference:
    """The reference of a variant that was made: from the steps that were kept."""
    recipe, can = parse_recipe(variant.base), BACKENDS.build(variant.target).capability
    plan = resolve(variant.network.captured.program, recipe, variant.target, can)
    with keys.share_of_threads(study.workers):
        return reference_of(variant, recipe, plan, study.allow_few, {}, run, progress)[0]


def reference_of(
    variant: Variant,
    recipe: Recipe,
    plan: Plan,
    allow_few: bool,
    seconds: dict[str, float],
    run: RunFolder,
    progress: AbstractProgress,
) -> tuple[Reference, list[dict[str, Any]]]:
    """Calibrate, build, refine. Fills `seconds` with what each took; of a pass that variants share, each has it all."""
    captured, checks = variant.network.captured, []
    refiners = [REFINERS.build(name) for name in variant.refine]
    for refiner in refiners:
        captured = refiner.network(captured)
    observers: Observers = {}
    notes: Mapping[str, str] = {}
    images, passed = None, 0.0
    if recipe.kind == "static" or refiners:
        subset = calibration_subset(
            variant.network.splits.train, variant.calibration.n, variant.calibration.seed, allow_few
        )
        checks = checked(variant.network, variant.calibration, subset, run, progress)
        images = subset
    if recipe.kind == "static" and images is not None:
        with progress.task(f"{variant.id}: calibrating") as tick:
            made = statistics(variant.network, captured, variant.calibration, images, run, tick)
            observers, passed = made
            captured, observers, notes = with_branches(captured, plan, observers, variant.calibration, images)
    start = time.perf_counter()
    reference = noted(build(captured, plan, observers), notes)
    seconds["calibrate"] = passed + time.perf_counter() - start
    seconds["refine"] = 0.0
    for position, (name, refiner) in enumerate(zip(variant.refine, refiners)):
        assert images is not None
        with progress.task(f"{variant.id}: {name}") as tick:
            reference, took = refined(refiner, reference, variant.network, variant.calibration, images, run, tick)
        seconds["refine"] += took
        if refiner.trains:
            reference, took = trained(refiners, position, reference, variant.network, variant.train, run, progress)
            seconds["refine"] += took
    return reference, checks


def _promise(
    variant: Variant,
    reference: Reference,
    backend: AbstractBackend,
    study: Study,
    folder: Path,
    progress: AbstractProgress,
) -> None:
    """Simulated scores: on validation (every choice is made there) and on test (what parity compares the file with)."""
    splits = variant.network.splits
    arithmetic = backend.arithmetic(reference, folder / f"{FILE}{backend.capability.suffix}")
    for name, split in (("validation", splits.validation), ("test", splits.test)):
        if split is not None:
            with progress.task(f"{variant.id}: simulating {name}") as tick:
                outputs = simulate(reference, arithmetic, drawn(split, study.quick), tick)
            save_outputs(folder / f"{name}.npz", outputs)


def fate_record(fate: LayerFate) -> dict[str, Any]:
    return dataclasses.asdict(fate)


def compression(reference: Reference) -> dict[str, float]:
    """32·Σn / Σ(bits·n): of weights with their scales, and of activation tensors at batch 1."""
    program, network = reference.captured.program, reference.captured.network
    count = stored = 0.0
    for step in program.layers:
        n = network.layer(step.layer).weight.numel()
        q = reference.weights.get(step.layer)
        count += n
        stored += n * (16 if reference.kind == "float16" else 32) if q is None else n * q.bits + 32 * len(q.scale)
    values = bits = 0.0
    for tensor in program.tensors:
        n = int(torch.tensor(program.shape(tensor)).prod())
        values += n
        bits += n * (reference.activations[tensor].bits if tensor in reference.activations else 32)
    return {"weights": 32 * count / stored, "activations": 32 * values / bits}


def scores(step: Kept, split: str) -> Array | None:
    """The simulated scores of a finished variant."""
    path = step.folder / f"{split}.npz"
    return only(load_outputs(path)) if path.exists() else None
