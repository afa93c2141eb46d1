"""What refiners make of a reference, kept by content: what quantizes alike shares it, whatever its target."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...quantization.reference import Reference
from ...refine import store
from ...refine.refiner import Corrects
from ...refine.walk import FLOAT_BIAS
from ...store.content import content
from ...train.checkpoint import CHECKPOINT
from .. import keys
from ..bench import Bench
from ..plan import Variant

FILE, BIASES = "reference.safetensors", "float_biases.safetensors"
Work = Callable[[Path], tuple[Reference, dict[str, Any]]]


def kept_reference(
    bench: Bench, start: Reference, inputs: keys.Parts, work: Work, trains: bool = False
) -> tuple[Reference, float]:
    """What `work(folder)` made of `start`, and the seconds that it took, now or when it was kept.

    The key is all that it starts from (graph, weights, integers, grids) and `inputs`, not a recipe's or a target's
    name. `work` returns the reference, `start` itself where it changed nothing, and what is recorded of it, its
    "seconds" too. `trains`: an interrupted one is resumed, and only code that decides trainings makes it begin again.
    """
    from safetensors.torch import load_file, save_file

    def make(folder: Path) -> dict[str, Any]:
        made, told = work(folder)
        if made is not start:
            store.save(folder / FILE, made)
            if biases := float_biases(made):
                save_file(biases, folder / BIASES)
        # not before: a run that is killed until here resumes its training
        (folder / CHECKPOINT).unlink(missing_ok=True)
        return told

    begun = {"start": store.fingerprint(start), "fates": [[fate.name, fate.reason] for fate in start.layers]}
    name, reads = ("learned", keys.trained()) if trains else ("refine", keys.computed())
    kept = bench.kept(name, begun | inputs, make, reads, scratch=trains)
    seconds, biases = float(kept.value["seconds"]), kept.folder / BIASES
    if not (kept.folder / FILE).exists():
        return start, seconds
    found = store.load(kept.folder / FILE, start)
    # what a correction replaced is kept too: a later refiner compares with the network as it was
    for layer, bias in (load_file(biases) if biases.exists() else {}).items():
        found.captured.network.layer(layer).register_buffer(FLOAT_BIAS, bias, persistent=False)
    return found, seconds


def refined(bench: Bench, variant: Variant, position: int, start: Reference) -> tuple[Reference, float]:
    """What the variant's refiner at `position` made of `start` on the calibration images, and the seconds it took.

    Raises what the refiner raises.
    """
    refiner, calibration = variant.refiners[position], variant.calibration
    assert isinstance(refiner, Corrects)
    images = bench.drawn(variant.network, calibration)
    assert isinstance(refiner, Corrects)

    def work(_: Path) -> tuple[Reference, dict[str, Any]]:
        begun = time.perf_counter()
        made = refiner.reference(start, images.take(np.arange(len(images))), tick)
        return made, {"seconds": time.perf_counter() - begun}

    inputs = {
        "float_biases": content(float_biases(start)),
        "refiner": keys.component(refiner),
        "data": variant.network.splits.fingerprint,
        "images": {"n": calibration.n, "seed": calibration.seed},
    }
    with bench.doing(f"{variant.id}: {variant.refine[position]}") as tick:
        return kept_reference(bench, start, inputs, work)


def float_biases(reference: Reference) -> dict[str, torch.Tensor]:
    """Layer -> the float bias that a refiner corrected, (O,)."""
    network = reference.captured.network
    layers = {step.layer: network.layer(step.layer) for step in reference.captured.program.layers}
    return {name: getattr(layer, FLOAT_BIAS).clone() for name, layer in layers.items() if hasattr(layer, FLOAT_BIAS)}
