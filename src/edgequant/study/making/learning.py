"""Refiners that train: what they are given, and how their result is kept, so that no variant trains twice."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...catalog import REFINERS
from ...core.errors import BadData, BadModel, BadOption
from ...core.extras import check
from ...core.image import InputSpec
from ...core.pixels import settled
from ...graph.capture.capture import capture
from ...models.weights import load_weights
from ...quantization.reference import Reference
from ...recipe.recipe import parse_recipe
from ...refine.refiner import AbstractRefiner, Shrinks, Teaches, Trains
from ...train import checkpoint
from ...train.settings import TrainSettings
from ...train.training import Teacher, Training
from .. import keys
from ..bench import Bench
from ..networks.source_check import built
from ..networks.sources import build_model, told
from ..plan import Variant
from ..prepared import Prepared
from .refined import kept_reference


def check_refiners(base: str, refiners: Sequence[str]) -> None:
    """`refiners` as they are written behind `base`.

    Raises BadOption for a loss without a training and for a correction of what is not quantized, and UnknownName.
    """
    trained, recipe = False, parse_recipe(base)
    widths = {rule.scheme.weight_bits for rule in recipe.rules if rule.scheme and rule.scheme.weight_bits}
    twice = next((one for at, one in enumerate(refiners) if one in refiners[:at]), None)
    if twice is not None:
        raise BadOption(f"{twice} stands twice behind {base}. Expected each refiner once.")
    for refiner in refiners:
        name, built = refiner.partition(":")[0], REFINERS.build(refiner)
        for kind, extra in ((Trains, "train"), (Shrinks, "prune")):
            if isinstance(built, kind):
                check(extra, f"+{name}")
        trained = trained or isinstance(built, Trains)
        if isinstance(built, Teaches) and not trained:
            raise BadOption(f"{name} changes a training, and {base} has none before it. Write {base}+qat+{name}.")
        if not isinstance(built, Teaches | Shrinks) and recipe.kind in ("float32", "float16"):
            raise BadOption(f"{base} rounds nothing to integers, so {name} has nothing to mend. Write w4a8+{name}.")
        if idle := built.idle(widths):
            raise BadOption(idle)


def check_labels(refiners: Sequence[str], network: Prepared) -> None:
    """Raises BadData for a training that learns from labels where the images have none."""
    built = [REFINERS.build(refiner) for refiner in refiners]
    if network.splits.train.labels is not None:
        return
    for position, refiner in enumerate(built):
        if isinstance(refiner, Shrinks) or (isinstance(refiner, Trains) and not teaching(built, position)):
            name = refiners[position].partition(":")[0]
            learn = f"Write +{name}+distill to learn from the float network"
            way = "Leave it out" if isinstance(refiner, Shrinks) else learn
            raise BadData(f"{name} learns from labels, and {network.data} has none. {way}.")


def teaching(refiners: Sequence[AbstractRefiner], position: int) -> list[Teaches]:
    """Those behind `position` that change its training: up to the next one that trains."""
    found: list[Teaches] = []
    for refiner in refiners[position + 1 :]:
        if isinstance(refiner, Trains):
            break
        found += [refiner] if isinstance(refiner, Teaches) else []
    return found


def trained(bench: Bench, variant: Variant, position: int, start: Reference) -> tuple[Reference, float]:
    """What the variant's refiner at `position` made of `start` by training, and the seconds that it took.

    The training is kept under what it starts from, not under a variant: targets that quantize alike share it.
    Interrupted, it is resumed from its last epoch. Raises BadModel, BadData, BadOption and Diverged.
    """
    refiner, changes = variant.refiners[position], teaching(variant.refiners, position)
    network, settings = variant.network, variant.train
    assert isinstance(refiner, Trains)

    def work(folder: Path) -> tuple[Reference, dict[str, Any]]:
        begun = time.perf_counter()
        training = Training(network.splits, teacher_of(changes, network), folder, settings, say=bench.say)
        for change in changes:
            training = change.objective(training)
        with bench.doing(f"{network.name}: {type(refiner).__name__}") as tick:
            learned = refiner.train(start, training, tick)
        epochs = checkpoint.epochs(folder)
        # a training that was resumed took what all its epochs took, and not only those of this process
        seconds = max(time.perf_counter() - begun, sum(e["seconds"] for e in epochs))
        return learned, {"seconds": seconds, "epochs": epochs}

    inputs = {
        "refiners": keys.components([refiner, *changes]),
        "data": network.splits.fingerprint,
        "teacher": teachers(changes, network),
        "settings": None if settings is None else json.loads(checkpoint.describe(settings)),
    }
    return kept_reference(bench, start, inputs, work, trains=True)


def teacher_of(changes: Sequence[Teaches], network: Prepared) -> Teacher:
    """The network that a refiner names as its `teacher`, or the float network, unpruned. Raises BadModel."""
    for change in changes:
        if change.teacher:
            module, inputs = _built(change, network)
            with torch.no_grad():
                return Teacher(capture(module.eval(), inputs, ()).network, inputs, (), change.teacher)
    whole = network.whole or network.captured
    return Teacher(whole.network, whole.inputs, network.splits.classes)


def teachers(refiners: Sequence[AbstractRefiner], network: Prepared) -> list[str]:
    """Of a key: whom the refiners learn from, by content; a file of the same name may hold other weights."""
    found = []
    for change in refiners:
        if isinstance(change, Teaches) and change.teacher:
            found.append(keys.eager(*_built(change, network)))
        elif isinstance(change, Teaches):
            found.append(keys.program(network.whole or network.captured))
    return found


def _built(change: Teaches, network: Prepared) -> tuple[nn.Module, InputSpec]:
    spec, weights = change.teacher, change.weights
    model = told(build_model(spec), weights)
    inputs = settled(model.inputs(network.captured.inputs.shape), f"the teacher {spec}")
    module = built(model, inputs, len(network.splits.classes))
    if weights and not model.loads(weights):
        load_weights(module, weights)
    elif not weights and not model.has_weights:
        raise BadModel(f"The teacher {spec} has no weights of its own. Write distill:teacher={spec},weights=FILE.")
    return module, inputs


def settings_of(settings: TrainSettings | None, refiners: Sequence[AbstractRefiner]) -> dict[str, Any] | None:
    """What a variant's key must say of the float training: all of it where a refiner trains as it did."""
    if settings is None or not any(isinstance(refiner, Trains) for refiner in refiners):
        return None
    return dataclasses.asdict(settings)
