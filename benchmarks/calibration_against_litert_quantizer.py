"""Our five ways to calibrate against litert-quantizer's own (its static recipe), on one network and the same images.

MobileNetV2 at 32x32, random weights (time does not depend on them), its float .tflite as edgequant writes it (names
kept, which litert-quantizer goes by). Ours is the pass over the images and the reading of every 8-bit range. One run,
methods interleaved with litert-quantizer, one thread, CPU time of the process. Wanted: at most the time that
litert-quantizer takes; at most twice that for mse and entropy.

    pip install "edgequant[peers]"
    python benchmarks/calibration_against_litert_quantizer.py [--images 512] [--repeats 1]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from edgequant.calibrate.collect import collect
from edgequant.catalog import BACKENDS, CALIBRATORS, MODELS
from edgequant.core.arrays import Array
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

BATCH = 50  # as the pipeline takes them
LIMITS = {"minmax": 1.0, "moving_average": 1.0, "percentile": 1.0, "mse": 2.0, "entropy": 2.0}


def network() -> Captured:
    model = MODELS.build("mobilenet_v2")
    inputs = model.inputs((3, 32, 32))
    torch.manual_seed(0)
    return capture(model.build(inputs, 10).eval(), inputs, tuple("0123456789"))


def ours(captured: Captured, images: Array, method: str) -> None:
    """Observe, and read each range once."""
    plan = resolve(captured.program, parse_recipe("w8a8"), "litert", BACKENDS.get("litert").capability)
    tensors = observed_tensors(captured, plan)
    batches = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
    observers = collect(captured, batches, CALIBRATORS.build(method), tensors)
    for observer in observers.values():
        observer.range(8, False)


def float_file(captured: Captured, folder: Path) -> Path:
    backend: Any = BACKENDS.build("litert")
    plan = resolve(captured.program, parse_recipe("float32"), "litert", backend.capability)
    backend.lower(build(captured, plan, {}), folder / "float.tflite", slim=False)
    return folder / "float.tflite"


def theirs(path: Path, captured: Captured, images: Array) -> int:
    """litert-quantizer's calibration; how many tensors it gave a range."""
    from litert_quantizer import quantizer, recipe

    session = quantizer.Quantizer(str(path), recipe.static_wi8_ai8())
    x = normalise(images, captured.inputs).transpose(0, 2, 3, 1)
    data = {None: [{"image": np.ascontiguousarray(one[None])} for one in x]}
    return len(session.calibrate(data, num_threads=1))


def timed(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=512)
    options.add_argument("--repeats", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (given.images, 32, 32, 3), np.uint8)
    captured = network()
    seconds: dict[str, list[float]] = {name: [] for name in ("litert-quantizer", *LIMITS)}
    with tempfile.TemporaryDirectory() as folder:
        path = float_file(captured, Path(folder))
        found = theirs(path, captured, images[:1])
        for _ in range(given.repeats):
            seconds["litert-quantizer"].append(timed(lambda: theirs(path, captured, images)))
            for method in LIMITS:
                seconds[method].append(timed(lambda method=method: ours(captured, images, method)))  # type: ignore[misc]
    versions = " ".join(f"{name} {metadata.version(name)}" for name in ("torch", "litert-quantizer", "ai-edge-litert"))
    print(f"{given.images} images of 3x32x32, 1 thread, CPU seconds, {given.repeats} repeats, {platform.machine()}")
    print(f"{versions}; litert-quantizer gave {found} tensors a range")
    base = statistics.median(seconds["litert-quantizer"])
    print(f"{'litert-quantizer':18s} {base:7.2f} s")
    for method, limit in LIMITS.items():
        ratio = statistics.median(seconds[method]) / base
        verdict = "met" if ratio <= limit else "UNMET"
        print(f"{method:18s} {ratio * base:7.2f} s  ratio {ratio:.2f}, at most {limit:g} wanted: {verdict}")


if __name__ == "__main__":
    main()
