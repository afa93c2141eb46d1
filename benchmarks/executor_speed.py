"""How long bit-exact simulation takes: MobileNetV2 in the integer executor against the plain float network.

w8a8 as XNNPACK computes it, w4a8 and w8a16 as LiteRT's builtin kernels do (which kernels, the lowered file says).
The same images, in the same batches, on the same thread count, interleaved; medians. At one thread the clock is the
CPU time of the process, which other load on the machine disturbs least; else wall time. The float network is the
eager module as PyTorch runs it by default, and for reference also channels-last. Time does not depend on what the
weights are, so they are random unless a checkpoint is given.

    python benchmarks/executor_speed.py [CHECKPOINT] [--images 256] [--repeats 7] [--threads 1]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS, MODELS
from edgequant.core.arrays import Array
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.models.weights import load_weights
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.simulation.simulate import BATCH, simulator
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

Run = Callable[[torch.Tensor], torch.Tensor]
LIMITS = {"w8a8": 1.3, "w4a8": 3.0, "w8a16": 3.0}  # what the executor may take, of the plain float network's time


def network(checkpoint: str) -> tuple[nn.Module, Captured]:
    """The eager float MobileNetV2, and as captured."""
    model = MODELS.build("mobilenet_v2")
    inputs = model.inputs((3, 32, 32))
    torch.manual_seed(0)
    module = model.build(inputs, 10).eval()
    if checkpoint:
        load_weights(module, checkpoint)
    return module, capture(module, inputs, tuple("0123456789"))


def executor(captured: Captured, recipe: str, images: Array) -> nn.Module:
    """The simulation of the recipe's LiteRT file, calibrated on the images."""
    target = BACKENDS.build("litert")
    plan = resolve(captured.program, parse_recipe(recipe), "litert", target.capability)
    observers = collect(captured, [images], MinMax(), observed_tensors(captured, plan))
    reference = build(captured, plan, observers)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.tflite")
        target.lower(reference, path)
        return simulator(reference, target.arithmetic(reference, path))


def timed(run: Run, batches: tuple[torch.Tensor, ...], clock: Callable[[], float]) -> float:
    start = clock()
    for batch in batches:
        run(batch)
    return clock() - start


def measure(
    runs: dict[str, Run], batches: tuple[torch.Tensor, ...], repeats: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each run, a round of all at a time, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for turn in range(repeats + 1):
            for name, run in runs.items():
                taken = timed(run, batches, clock)
                seconds[name] += [taken] if turn else []
    return seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("checkpoint", nargs="?", default="", type=str)
    options.add_argument("--images", type=int, default=256)
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--threads", type=int, default=1)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    clock = time.process_time if given.threads == 1 else time.perf_counter
    images = np.random.default_rng(0).integers(0, 256, (max(given.images, 64), 32, 32, 3), np.uint8)
    module, captured = network(given.checkpoint)
    batches = torch.from_numpy(normalise(images, captured.inputs)).split(BATCH)
    runs: dict[str, Run] = {
        "float": module,
        "float, channels-last": lambda x: module(x.contiguous(memory_format=torch.channels_last)),
        **{recipe: executor(captured, recipe, images[:64]) for recipe in LIMITS},
    }
    seconds = measure(runs, batches, given.repeats, clock)
    print(f"{len(images)} images of 3x32x32 in batches of {BATCH}, {given.threads} thread(s), {given.repeats} repeats")
    print(f"torch {torch.__version__}, {platform.machine()}, weights: {given.checkpoint or 'random'}, {clock.__name__}")
    base = statistics.median(seconds["float"])
    for name, values in seconds.items():
        middle = statistics.median(values)
        verdict = ""
        if name in LIMITS:
            verdict = f", at most {LIMITS[name]} wanted: {'met' if middle <= LIMITS[name] * base else 'UNMET'}"
        spread = f"(from {min(values):.3f} to {max(values):.3f})"
        print(f"{name:22s} median {middle:.3f} s {spread}  {middle / base:.2f} of float{verdict}")


if __name__ == "__main__":
    main()
