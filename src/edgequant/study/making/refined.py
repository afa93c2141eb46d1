"""What a refiner made of a reference, kept by content: targets that quantize alike share it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.progress import Tick
from ...data.dataset import AbstractSplit
from ...quantization.reference import Reference
from ...refine import store as qat_store
from ...refine.refiner import Corrects
from ...refine.walk import FLOAT_BIAS
from ...store.content import content
from ...store.folder import RunFolder
from .. import keys
from ..prepared import Prepared
from ..study import Calibration

FILE, BIASES = "refined.safetensors", "float_biases.safetensors"


def refined(
    refiner: Corrects,
    reference: Reference,
    network: Prepared,
    calibration: Calibration,
    images: AbstractSplit,
    run: RunFolder,
    tick: Tick,
) -> tuple[Reference, float]:
    """`refiner.reference` on the calibration's images, and the seconds that it took, now or when it was kept.

    The key is all that it starts from (graph, weights, integers, grids), not a recipe's or a target's name.
    Raises what the refiner raises.
    """

    def work(folder: Path) -> dict[str, Any]:
        start = time.perf_counter()
        made = refiner.reference(reference, images.take(np.arange(len(images))), tick)
        if made is not reference:
            _save(folder, made)
        return {"seconds": time.perf_counter() - start, "changed": made is not reference}

    inputs = {
        "start": qat_store.fingerprint(reference),
        "float_biases": content(_biases(reference)),
        "fates": [[fate.name, fate.reason] for fate in reference.layers],
        "refiner": keys.component(refiner),
        "data": network.splits.fingerprint,
        "images": {"n": calibration.n, "seed": calibration.seed},
        **keys.computed(),
    }
    step = run.step("refine", inputs, work)
    made = _load(step.folder, reference) if step.value["changed"] else reference
    return made, float(step.value["seconds"])


def _save(folder: Path, made: Reference) -> None:
    from safetensors.torch import save_file

    qat_store.save(folder / FILE, made)
    biases = _biases(made)
    if biases:
        save_file(biases, folder / BIASES)


def _load(folder: Path, given: Reference) -> Reference:
    """With the biases that a correction replaced: a later refiner compares with the network as it was."""
    from safetensors.torch import load_file

    made = qat_store.load(folder / FILE, given)
    kept = load_file(folder / BIASES) if (folder / BIASES).exists() else {}
    for layer, bias in kept.items():
        made.captured.network.layer(layer).register_buffer(FLOAT_BIAS, bias, persistent=False)
    return made


def _biases(reference: Reference) -> dict[str, torch.Tensor]:
    """Layer -> the float bias that a refiner corrected, (O,)."""
    network = reference.captured.network
    layers = {step.layer: network.layer(step.layer) for step in reference.captured.program.layers}
    return {name: getattr(layer, FLOAT_BIAS).clone() for name, layer in layers.items() if hasattr(layer, FLOAT_BIAS)}
