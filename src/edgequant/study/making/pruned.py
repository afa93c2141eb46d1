"""The smaller network behind a recipe that prunes: made once, kept by content, shared by all that name it."""

from __future__ import annotations

import copy
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from ...graph.capture.capture import capture
from ...graph.deploy import deployed
from ...models.weights import load_weights, save_weights
from ...refine.refiner import Shrinks
from ...refine.training.channels import count, rebuild
from ...train.training import Teacher, Training
from .. import keys
from ..bench import Bench
from ..plan import Variant
from ..prepared import Prepared
from .prune_target import aimed


def pruned(bench: Bench, variant: Variant) -> tuple[Variant, float]:
    """(the variant of the network that its recipe quantizes, seconds that making it took); `variant` where none prunes.

    Recipe and target matter where a size or a latency is aimed at. Raises BadModel, BadData, BadOption and Diverged.
    """
    seconds = 0.0
    for pruner in [refiner for refiner in variant.refiners if isinstance(refiner, Shrinks)]:
        keep, searching = aimed(bench, variant, pruner) if pruner.kb or pruner.ms else (pruner, 0.0)
        smaller, took = _smaller(bench, variant.network, keep)
        variant = dataclasses.replace(variant, network=smaller)
        seconds += searching + took
    return variant, seconds


def _smaller(bench: Bench, network: Prepared, pruner: Shrinks) -> tuple[Prepared, float]:
    what = {
        "network": network.key,
        "eager": keys.eager(network.module, network.inputs),
        "prune": keys.component(pruner),
        "train": None if network.training is None else dataclasses.asdict(network.training),
    }
    step = bench.kept("prune", what, lambda folder: _make(bench, network, pruner, folder), keys.trained(), scratch=True)
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


def _make(bench: Bench, network: Prepared, pruner: Shrinks, folder: Path) -> dict[str, Any]:
    start, module, inputs = time.perf_counter(), copy.deepcopy(network.module), network.inputs
    # the teacher is a copy of its own, so that moving it to a device moves nothing else
    teacher = Teacher(copy.deepcopy(network.module).eval(), inputs, network.captured.classes)
    training = Training(network.splits, teacher, folder / "training", network.training, say=bench.say)
    with bench.doing(f"{network.name}: pruning") as tick:
        history = pruner.shrink(module, inputs, training, tick)
    save_weights(module, folder / "weights.safetensors")
    (folder / "history.json").write_text(json.dumps(history))
    for checkpoint in (folder / "training").rglob("checkpoint.pt"):
        checkpoint.unlink()
    last = (folder / "training" / f"part-{pruner.steps}" / "log.jsonl").read_text().splitlines()[-1]
    whole = count(network.module, inputs.shape, pruner.measure)
    return {
        "kept": count(module, inputs.shape, pruner.measure) / whole,
        "validation_accuracy": json.loads(last)["validation_accuracy"],
        "seconds": time.perf_counter() - start,
    }
