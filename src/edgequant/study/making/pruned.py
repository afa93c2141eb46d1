"""The smaller network behind a recipe that prunes: made once, kept by content, shared by all that name it."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from torch import nn

from ...catalog import REFINERS
from ...core.progress import AbstractProgress
from ...graph.capture.capture import capture
from ...graph.deploy import deployed
from ...models.weights import load_weights, save_weights
from ...recipe.recipe import Recipe
from ...refine.training.channels import count, rebuild
from ...refine.training.prune import Prune
from ...store.folder import RunFolder
from ...train.training import Teacher, Training
from .. import keys
from ..prepared import Prepared
from .prune_target import aimed


def pruners(refine: list[str]) -> list[str]:
    """Those of a recipe's refiners that take channels out."""
    return [spec for spec in refine if getattr(REFINERS.get(spec.partition(":")[0]), "shrinks", False)]


def pruned(
    network: Prepared,
    refine: list[str],
    recipe: Recipe,
    target: str,
    run: RunFolder,
    progress: AbstractProgress,
) -> tuple[Prepared, float]:
    """(the network that the recipe quantizes, seconds that making it took); `network` itself where nothing prunes.

    `recipe` and `target` matter where a size or a latency is the target. Raises BadModel, BadData, BadOption and
    Diverged.
    """
    seconds = 0.0
    for spec in pruners(refine):
        pruner = REFINERS.build(spec)
        assert isinstance(pruner, Prune)
        if pruner.kb or pruner.ms:
            pruner, searching = aimed(pruner, network, recipe, target, run, progress)
            seconds += searching
        network, took = _one(network, pruner, run, progress)
        seconds += took
    return network, seconds


def _one(network: Prepared, pruner: Prune, run: RunFolder, progress: AbstractProgress) -> tuple[Prepared, float]:
    settings = None if network.training is None else dataclasses.asdict(network.training)
    what = {
        "network": network.key,
        "eager": keys.eager(network.module, network.inputs),
        "prune": keys.component(pruner),
        "train": settings,
        **keys.trained(),
    }
    step = run.step("prune", what, lambda folder: _make(network, pruner, folder, progress), scratch=True)
    module = copy.deepcopy(network.module)
    rebuild(module, network.inputs.shape, json.loads((step.folder / "history.json").read_text()))
    load_weights(module, step.folder / "weights.safetensors")
    plain = capture(module.eval(), network.inputs, network.captured.classes)
    captured = deployed(plain, network.captured.deployed)
    kept = f"{step.value['kept']:.1%} of its {pruner.measure} kept, validation {step.value['validation_accuracy']:.2%}"
    smaller = dataclasses.replace(
        network,
        key=keys.network(captured, network.splits),
        module=module,
        captured=captured,
        whole=network.whole or network.captured,
        provenance=f"{network.provenance}; pruned: {kept}",
    )
    return smaller, float(step.value["seconds"])


def _make(network: Prepared, pruner: Prune, folder: Path, progress: AbstractProgress) -> dict[str, Any]:
    start, module, inputs = time.perf_counter(), copy.deepcopy(network.module), network.inputs
    teacher = Teacher(_whole(network), inputs, network.captured.classes)
    training = Training(network.splits, teacher, folder / "training", network.training, say=progress.say)
    with progress.task(f"{network.name}: pruning") as tick:
        history = pruner.shrink(module, inputs, training, tick)
    save_weights(module, folder / "weights.safetensors")
    (folder / "history.json").write_text(json.dumps(history))
    for checkpoint in (folder / "training").rglob("checkpoint.pt"):
        checkpoint.unlink()
    log = [json.loads(line) for line in _log(folder, pruner).read_text().splitlines()]
    whole = count(network.module, inputs.shape, pruner.measure)
    return {
        "kept": count(module, inputs.shape, pruner.measure) / whole,
        "validation_accuracy": log[-1]["validation_accuracy"],
        "seconds": time.perf_counter() - start,
    }


def _whole(network: Prepared) -> nn.Module:
    """The teacher: its own copy, so that moving it to a device moves nothing else."""
    return copy.deepcopy(network.module).eval()


def _log(folder: Path, pruner: Prune) -> Path:
    return folder / "training" / f"part-{pruner.steps}" / "log.jsonl"
