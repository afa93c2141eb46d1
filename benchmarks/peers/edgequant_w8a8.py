"""edgequant's w8a8, min-max ranges, its default. `edgequant quantize` does the same, and measures, in one command."""

import json
from pathlib import Path

import numpy as np

from edgequant.calibrate.collect import collect
from edgequant.catalog import BACKENDS, CALIBRATORS, MODELS
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

PACKAGES = ("edgequant", "torch")


def make(folder: Path, target: str) -> Path:
    backend = BACKENDS.build(target)
    told = json.loads((folder / "inputs.json").read_text())
    inputs = InputSpec(**told["inputs"])
    network = MODELS.build(f"exported:{folder / 'batched.pt2'}").build(inputs, len(told["classes"]))
    captured = capture(network, inputs, tuple(told["classes"]))
    plan = resolve(captured.program, parse_recipe("w8a8"), target, backend.capability)
    batches = np.array_split(np.load(folder / "calibration.npz")["pixels"], 10)
    observers = collect(captured, batches, CALIBRATORS.build("minmax"), observed_tensors(captured, plan))
    made = folder / f"edgequant_w8a8-{target}{backend.capability.suffix}"
    backend.lower(build(captured, plan, observers), made)
    return made
