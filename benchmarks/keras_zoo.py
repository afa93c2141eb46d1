"""Ten architectures of keras.applications: read, captured, quantized to w8a8, lowered, and held to the parity gate.

Weights are random (Keras' own initialisation), images small and made of seeded noise of many scales; each BatchNorm
takes its statistics from them, and from the plain noise that capture checks a network with, so that no signal dies or
explodes on its way. So the figures say whether a file computes what was promised, and nothing about accuracy.

    python benchmarks/keras_zoo.py [NAME ...] [--out benchmarks/results/keras-zoo.json]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS, MODELS
from edgequant.core.arrays import Array, only
from edgequant.core.errors import EdgequantError
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.measure.parity import integer_parity
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.simulation.simulate import simulator
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

SIZES = {
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "ResNet50V2": 64,
    "DenseNet121": 64,
    "NASNetMobile": 64,
    "Xception": 71,
    "ConvNeXtTiny": 64,
    "InceptionV3": 75,
}
CLASSES, CALIBRATE, COMPARE, SEED = 10, 32, 32, 0


def images(n: int, size: int, seed: int) -> Array:
    """(n, size, size, 3) uint8: noise at five scales, so that neighbours are alike as in photographs."""
    draw = torch.Generator().manual_seed(seed)
    total = torch.zeros(n, 3, size, size)
    for side in (2, 4, 8, 16, 32):
        noise = torch.randn(n, 3, side, side, generator=draw)
        total += nn.functional.interpolate(noise, (size, size), mode="bilinear") * (2 / side) ** 0.5
    low, high = total.amin((1, 2, 3), True), total.amax((1, 2, 3), True)
    return ((total - low) / (high - low) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def with_statistics(network: nn.Module, x: torch.Tensor) -> nn.Module:
    """Each BatchNorm's running mean and variance as they are on `x` and on as much normal noise."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    dropouts = [m for m in network.modules() if isinstance(m, nn.Dropout | nn.Dropout2d)]
    network.train()
    for dropout in dropouts:
        dropout.eval()
    with torch.no_grad():
        network(torch.cat([x, torch.randn(x.shape, generator=torch.Generator().manual_seed(SEED))]))
    return network.eval()


def captured(name: str) -> tuple[Captured, Array]:
    """The architecture as edgequant's command line would read it, and the calibration images."""
    torch.manual_seed(SEED)
    model = MODELS.build(f"keras:{name},weights=random,size={SIZES[name]}")
    inputs = model.inputs(None)
    network = model.build(inputs, CLASSES)
    shown = images(CALIBRATE, SIZES[name], SEED)
    with_statistics(network, torch.from_numpy(normalise(shown, inputs)))
    return capture(network, inputs, tuple(map(str, range(CLASSES)))), shown


def lowered(network: Captured, shown: Array, target: str, recipe: str, folder: Path) -> dict[str, Any]:
    backend = BACKENDS.build(target)
    plan = resolve(network.program, parse_recipe(recipe), target, backend.capability)
    observers = collect(network, [shown], MinMax(), observed_tensors(network, plan))
    reference = build(network, plan, observers)
    path = folder / f"model{backend.capability.suffix}"
    made = backend.lower(reference, path)
    x = normalise(images(COMPARE, shown.shape[1], SEED + 1), network.inputs)
    session = backend.open(path)
    executor = simulator(reference, backend.arithmetic(reference, path))
    with torch.inference_mode():
        promised = only(executor(torch.from_numpy(x))).numpy()
        float_scores = only(network.network(torch.from_numpy(x))).numpy()
    figures = integer_parity(only(session.run(x)), promised, session.only.scale, backend.capability.gate)
    same = float((promised.argmax(1) == float_scores.argmax(1)).mean())
    return {**figures, "bytes": made.bytes, "agrees_with_float": same, "kernels": session.kernels()}


def judged(name: str, targets: list[str]) -> dict[str, Any]:
    start = time.perf_counter()
    try:
        network, shown = captured(name)
    except EdgequantError as error:
        return {"size": SIZES[name], "captured": False, "reason": str(error)}
    kinds = sorted({step.kind for step in network.program.steps})
    layers = len(network.program.layers)
    record: dict[str, Any] = {"size": SIZES[name], "captured": True, "layers": layers, "ops": kinds}
    for target in targets:
        with tempfile.TemporaryDirectory() as folder:
            try:
                record[target] = lowered(network, shown, target, "w8a8", Path(folder))
            except EdgequantError as error:
                record[target] = {"gate": "refused", "reason": str(error)}
    return {**record, "seconds": round(time.perf_counter() - start, 1)}


def conditions() -> dict[str, Any]:
    packages = ("keras", "torch", "ai-edge-litert", "onnxruntime")
    versions = {name: metadata.version(name) for name in packages}
    return {"recipe": "w8a8", "calibrate": CALIBRATE, "compare": COMPARE, "seed": SEED, "versions": versions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])  # type: ignore[union-attr]
    parser.add_argument("names", nargs="*", default=list(SIZES), help=", ".join(SIZES))
    parser.add_argument("--targets", default="litert,onnxruntime")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results: dict[str, Any] = {}
    for name in asked.names:
        results[name] = judged(name, asked.targets.split(","))
        print(name, json.dumps({k: v for k, v in results[name].items() if k != "ops"}), flush=True)
    if asked.out:
        asked.out.write_text(json.dumps({"conditions": conditions(), "networks": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
