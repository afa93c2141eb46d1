"""One variant: a network, a recipe, a calibration and a target become a file and the promise of what it answers.

The order is that of `make` and `reference`: what prunes makes the network smaller (pruned.py); refiners change the
float network; its tensors are watched on the calibration images (calibration.py); the reference is built; refiners
correct it (refined.py) and train it (learning.py); the target writes its file; simulation says what the file answers.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch

from ...backends.contract import AbstractSession
from ...catalog import CALIBRATORS
from ...core.arrays import Outputs
from ...data.draw import asked, drawn
from ...quantization.build import build
from ...quantization.reference import Reference
from ...quantization.simulation.simulate import simulate
from ...quantization.size import estimated_bytes
from ...refine.refiner import Corrects, Rewrites, Trains, noted
from ...store.folder import Kept
from ...store.outputs import load_outputs, save_outputs
from .. import keys
from ..bench import Bench
from ..plan import Variant
from .calibration import Observers, checked, statistics, with_branches
from .learning import settings_of, teachers, trained
from .pruned import pruned
from .refined import refined

FILE = "network"  # in the step; it gets the variant's id where it ships, which two studies may choose otherwise


@final
@dataclass(frozen=True)
class Made:
    """A variant that was made: its file, what is known of it before it runs, and what simulation promises of it.

    `file`, `sha256` and `bytes` are None for a target that makes no file; of such `bytes_estimated` is its size.
    """

    variant: Variant
    kept: Kept  # of the step: its key names the file, and beside the file lies the promise
    file: Path | None
    sha256: str | None
    bytes: int | None
    bytes_estimated: int | None
    layers: list[dict[str, Any]]  # the fate of each
    all_integer: bool
    compression: dict[str, float]  # of weights and of activations
    calibration_checks: list[dict[str, Any]]
    seconds: dict[str, float]

    @property
    def weight(self) -> int:
        """Bytes of the file, or the estimate where there is none."""
        size = self.bytes_estimated if self.bytes is None else self.bytes
        assert size is not None
        return size

    @property
    def path(self) -> Path:
        """Of the file, where there is one."""
        assert self.file is not None, f"{self.variant.id} is a simulation"
        return self.file

    def open(self, threads: int = 1) -> AbstractSession:
        """The file in its runtime. Raises BadFile."""
        return self.variant.backend.open(self.path, threads)

    def promised(self, split: str) -> Outputs | None:
        """The simulated outputs for "validation" or "test"; None where there are no such images."""
        path = self.kept.folder / f"{split}.npz"
        return load_outputs(path) if path.exists() else None

    def reads(self) -> keys.Parts:
        """Of the key of a step that runs the file: the file, what opens it, and the images that it is given."""
        network = self.variant.network
        opened = {"file": self.sha256, "target": keys.component(self.variant.backend)}
        return {**opened, "inputs": repr(network.captured.inputs), "data": network.splits.fingerprint}


def make(bench: Bench, variant: Variant) -> Made:
    """The file, and what simulation promises on validation and test. Kept by content. Raises Unsupported."""
    with keys.share_of_threads(bench.study.workers):
        smaller, pruning = pruned(bench, variant)
        assert smaller.plan  # Unsupported is raised before any work

        def work(folder: Path) -> dict[str, Any]:
            built = reference(bench, smaller)
            start = time.perf_counter()
            size: dict[str, Any] = {"file": None, "sha256": None, "bytes": None, "bytes_estimated": None}
            if variant.backend.capability.ships:
                made = variant.backend.lower(built.reference, folder / _name(variant))
                size |= {"file": made.path.name, "sha256": made.sha256, "bytes": made.bytes}
            else:
                size["bytes_estimated"] = estimated_bytes(built.reference)
            lowering = time.perf_counter() - start
            _promise(bench, variant, built.reference, folder)
            return {
                **size,
                "layers": [dataclasses.asdict(fate) for fate in built.reference.layers],
                "all_integer": built.reference.all_integer,
                "compression": compression(built.reference),
                "calibration_checks": built.checks,
                "seconds": {**({"prune": pruning} if pruning else {}), **built.seconds, "lower": lowering},
            }

        kept = bench.kept("variant", _inputs(bench, smaller), work, keys.measured())
    file = kept.value["file"]
    return Made(variant, kept, **{**kept.value, "file": file and kept.folder / file})


def _name(variant: Variant) -> str:
    return f"{FILE}{variant.backend.capability.suffix}"


def _promise(bench: Bench, variant: Variant, reference: Reference, folder: Path) -> None:
    """Simulated outputs: on validation, where every choice is made, and on test, which parity compares the file on."""
    arithmetic, splits = variant.backend.arithmetic(reference, folder / _name(variant)), variant.network.splits
    for name, split in (("validation", splits.validation), ("test", splits.test)):
        if split is not None:
            with bench.doing(f"{variant.id}: simulating {name}") as tick:
                outputs = simulate(reference, arithmetic, drawn(split, bench.study.quick), tick)
            save_outputs(folder / f"{name}.npz", outputs)


def _inputs(bench: Bench, variant: Variant) -> keys.Parts:
    """Of the key. `variant` has the network that is quantized, pruned where the recipe prunes."""
    study, calibration = bench.study, variant.calibration
    drawn = {"n": calibration.n, "seed": calibration.seed, "allow_few": study.allow_few}
    calibrated = {"calibrator": keys.component(CALIBRATORS.build(calibration.method)), **drawn}
    return {
        "network": variant.network.key,
        "recipe": dataclasses.asdict(variant.recipe),
        "refine": keys.components(variant.refiners),
        "teachers": teachers(variant.refiners, variant.network),
        "target": keys.component(variant.backend),
        "calibration": calibrated if variant.needs_images else None,
        "training": settings_of(variant.train, variant.refiners),
        "quick": asked(study.quick),
    }


@final
@dataclass(frozen=True)
class Built:
    """A reference, the checks on the images that calibrated it, and the seconds that "calibrate" and "refine" took."""

    reference: Reference
    checks: list[dict[str, Any]]
    seconds: dict[str, float]


def remade(bench: Bench, variant: Variant) -> Reference:
    """The reference of a variant that was made, from the steps that were kept."""
    with keys.share_of_threads(bench.study.workers):
        return reference(bench, pruned(bench, variant)[0]).reference


def reference(bench: Bench, variant: Variant) -> Built:
    """Calibrate, build, refine a network that was pruned before. A pass that variants share counts for each of them."""
    plan, captured, checks = variant.plan, variant.network.captured, []
    for refiner in variant.refiners:
        captured = refiner.network(captured) if isinstance(refiner, Rewrites) else captured
    if variant.needs_images:
        checks = checked(bench, variant.network, variant.calibration)
    observers: Observers = {}
    notes: Mapping[str, str] = {}
    passed = refining = 0.0
    if variant.recipe.kind == "static":
        with bench.doing(f"{variant.id}: calibrating") as tick:
            observers, passed = statistics(bench, variant.network, variant.calibration, captured, tick)
            captured, observers, notes = with_branches(bench, variant, captured, observers)
    start = time.perf_counter()
    found = noted(build(captured, plan, observers), notes)
    building = time.perf_counter() - start
    for position, refiner in enumerate(variant.refiners):
        if isinstance(refiner, Corrects):
            found, took = refined(bench, variant, position, found)
            refining += took
        if isinstance(refiner, Trains):
            found, took = trained(bench, variant, position, found)
            refining += took
    return Built(found, checks, {"calibrate": passed + building, "refine": refining})


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
