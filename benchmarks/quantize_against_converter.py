"""The whole of w8a8 at 224x224 against the bare float conversion of the same network by litert-torch.

Both sides in one run, on MobileNetV2 with the ImageNet stem and random weights (time does not depend on them):
capture + calibration on 512 images + lowering + parity on 64 images, against `litert_torch.convert`.
Needs litert-torch: pip install "litert-torch~=0.10.0". Prints seconds and two ratios, with and without calibration.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from edgequant.backends.litert.backend import LiteRT
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.arrays import only
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.models.architectures.mobilenet_v2 import MobileNetV2
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

IMAGES, BATCH, COMPARED = 512, 16, 64


def ours(module: torch.nn.Module, model: MobileNetV2, images: np.ndarray, folder: Path) -> dict[str, float]:
    """Seconds of each stage."""
    seconds, start = {}, time.perf_counter()
    captured = capture(module, model.inputs(None), ())
    backend = LiteRT()
    plan = resolve(captured.program, parse_recipe("w8a8"), "litert", backend.capability)
    seconds["capture"], start = time.perf_counter() - start, time.perf_counter()
    batches = (images[i : i + BATCH] for i in range(0, IMAGES, BATCH))
    observers = collect(captured, batches, MinMax(), observed_tensors(captured, plan))
    seconds["calibrate"], start = time.perf_counter() - start, time.perf_counter()
    reference = build(captured, plan, observers)
    artifact = backend.lower(reference, folder / "w8a8.tflite")
    seconds["lower"], start = time.perf_counter() - start, time.perf_counter()
    executor = IntegerExecutor(reference, backend.arithmetic(reference, artifact.path))
    x = normalise(images[:COMPARED], captured.inputs)
    promised = np.concatenate([only(executor(torch.from_numpy(x[i : i + 8]))).numpy() for i in range(0, COMPARED, 8)])
    answered = only(backend.open(artifact.path, 2).run_quantized(x))
    seconds["parity"] = time.perf_counter() - start
    print(f"parity on {COMPARED} images: {np.mean(promised == answered):.4%} of the output integers equal")
    return seconds


def converter(module: torch.nn.Module) -> float:
    import litert_torch

    start = time.perf_counter()
    litert_torch.convert(module, (torch.zeros(1, 3, 224, 224),))
    return time.perf_counter() - start


def main() -> None:
    torch.manual_seed(0)
    model = MobileNetV2(stem="imagenet")
    module = model.build(model.inputs(None), 1000).eval()
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 224, 224, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        stages = ours(module, model, images, Path(folder))
    bare = converter(module)
    total = sum(stages.values())
    print("edgequant: " + ", ".join(f"{k} {v:.1f} s" for k, v in stages.items()) + f"; in all {total:.1f} s")
    print(f"litert_torch.convert, float only: {bare:.1f} s")
    rest = total - stages["calibrate"]
    print(f"ratio {total / bare:.2f} (at most 5), without calibration {rest / bare:.2f} (at most 3)")


if __name__ == "__main__":
    main()
