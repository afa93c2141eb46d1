"""How long bit-exact simulation takes: w8a8 MobileNetV2 in the integer executor against the plain float network.

The same images, in the same batches, on the same thread count, interleaved; medians of wall time. The float network
is the eager module as PyTorch runs it by default, and for reference also channels-last. Time does not depend on what
the weights are, so they are random unless a checkpoint is given.

    python benchmarks/executor_speed.py [CHECKPOINT] [--images 256] [--repeats 7] [--threads 1]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS, MODELS
from edgequant.core.interfaces import Array
from edgequant.core.preprocess import normalise
from edgequant.graph.capture import capture
from edgequant.models.weights import load_weights
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulate import BATCH, simulator
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve

Run = Callable[[torch.Tensor], torch.Tensor]
LIMIT = 1.3  # what the executor may take, of the plain float network's time


def network(checkpoint: str, images: Array) -> tuple[nn.Module, Reference]:
    """The eager float MobileNetV2 and its w8a8 reference, calibrated on 64 of the images."""
    model = MODELS.build("mobilenet_v2")
    inputs = model.inputs((3, 32, 32))
    torch.manual_seed(0)
    module = model.build(inputs, 10).eval()
    if checkpoint:
        load_weights(module, checkpoint)
    captured = capture(module, inputs, tuple("0123456789"))
    target = BACKENDS.build("simulation")
    plan = resolve(captured.program, parse_recipe("w8a8"), "simulation", target.capability)
    observers = collect(captured, [images[:64]], MinMax(), observed_tensors(captured, plan))
    return module, build(captured, plan, observers)


def timed(run: Run, batches: tuple[torch.Tensor, ...]) -> float:
    start = time.perf_counter()
    for batch in batches:
        run(batch)
    return time.perf_counter() - start


def measure(runs: dict[str, Run], batches: tuple[torch.Tensor, ...], repeats: int) -> dict[str, list[float]]:
    """Seconds of each run, a round of all at a time, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for turn in range(repeats + 1):
            for name, run in runs.items():
                taken = timed(run, batches)
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
    images = np.random.default_rng(0).integers(0, 256, (max(given.images, 64), 32, 32, 3), np.uint8)
    module, reference = network(given.checkpoint, images)
    executor = simulator(reference, BACKENDS.build("simulation").arithmetic(reference, Path()))
    batches = torch.from_numpy(normalise(images, reference.captured.inputs)).split(BATCH)
    runs: dict[str, Run] = {
        "float, eager": module,
        "float, eager, channels-last": lambda x: module(x.contiguous(memory_format=torch.channels_last)),
        "w8a8, integer executor": executor,
    }
    seconds = measure(runs, batches, given.repeats)
    print(f"{len(images)} images of 3x32x32 in batches of {BATCH}, {given.threads} thread(s), {given.repeats} repeats")
    print(f"torch {torch.__version__}, {platform.machine()}, weights: {given.checkpoint or 'random'}")
    for name, values in seconds.items():
        print(f"{name:30s} median {statistics.median(values):.3f} s  (from {min(values):.3f} to {max(values):.3f})")
    base, exact = (statistics.median(seconds[name]) for name in ("float, eager", "w8a8, integer executor"))
    print(
        f"executor / float: {exact / base:.2f}, at most {LIMIT} wanted: {'met' if exact / base <= LIMIT else 'UNMET'}"
    )


if __name__ == "__main__":
    main()
