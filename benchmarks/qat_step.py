"""What a step of quantization-aware training costs: MobileNetV2 with learned scales against the plain float network.

The float side is the network as it is trained, with BatchNorm; the other the captured one, BatchNorm folded, with
every weight and activation on its grid. The same images, in turns, forward, backward and update; medians. CPU time is
the thread's own, so that what else runs on the machine does not count.

    python benchmarks/qat_step.py [--recipe w8a8] [--batch 32] [--repeats 9] [--threads 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS, MODELS
from edgequant.graph.capture.capture import capture
from edgequant.quantization.build import build, observed_tensors
from edgequant.recipe.recipe import parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.refine.training.network import FakeQuantized
from edgequant.refine.training.oscillation import Freezing
from edgequant.train.schedule import make_optimizer
from edgequant.train.settings import TrainSettings

LIMIT = 1.6  # what a step of QAT may take, of a float step


def networks(recipe: str) -> tuple[nn.Module, FakeQuantized]:
    """The float network, ready to be trained, and the one with rounding in it."""
    model = MODELS.build("mobilenet_v2")
    inputs = model.inputs((3, 32, 32))
    torch.manual_seed(0)
    module = model.build(inputs, 10)
    module.train()(torch.randn(64, *inputs.shape))  # BatchNorm's averages leave their first values
    captured = capture(module.eval(), inputs, tuple("0123456789"))
    plan = resolve(captured.program, parse_recipe(recipe), "simulation", BACKENDS.build("simulation").capability)
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
    observers = collect(captured, [images], MinMax(), observed_tensors(captured, plan))
    return module.train(), FakeQuantized(build(captured, plan, observers), Freezing()).train()


def step(network: nn.Module, settings: TrainSettings, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(network, settings)

    def run() -> None:
        if isinstance(network, FakeQuantized):
            network.begin(0, 1)
        loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return run


def timed(run: Callable[[], None], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="w8a8")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    plain, quantized = networks(options.recipe)
    x = torch.randn(options.batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    y = torch.arange(options.batch) % 10
    sides = {
        "float": step(plain, TrainSettings(), x, y),
        "qat": step(quantized, TrainSettings(optimizer="adam", lr=1e-4, weight_decay=0.0), x, y),
    }
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in sides}
    for turn in range(options.repeats + 1):
        for name, run in sides.items():
            before, taken = time.perf_counter(), timed(run, time.process_time)
            if turn:  # the first one warms up
                found[name]["cpu"].append(taken)
                found[name]["wall"].append(time.perf_counter() - before)
    report(options, found)


def report(options: argparse.Namespace, found: dict[str, dict[str, list[float]]]) -> None:
    middle = {name: {clock: statistics.median(s) for clock, s in clocks.items()} for name, clocks in found.items()}
    ratios = {clock: middle["qat"][clock] / middle["float"][clock] for clock in ("cpu", "wall")}
    machine = platform.processor() or platform.machine()
    print(f"MobileNetV2, 32x32, batch {options.batch}, {options.recipe}, {options.threads} thread(s), {machine}")
    print(f"torch {torch.__version__}, medians of {options.repeats}")
    for name, clocks in middle.items():
        print(f"  {name:6s} {clocks['cpu'] * 1e3:8.1f} ms CPU {clocks['wall'] * 1e3:8.1f} ms wall")
    verdict = "within" if ratios["cpu"] <= LIMIT else "over"
    print(
        f"  ratio  {ratios['cpu']:.2f} of CPU time, {ratios['wall']:.2f} of wall time: {verdict} the limit of {LIMIT}"
    )
    if options.json:
        record = {"conditions": {k: str(v) for k, v in vars(options).items()}, "seconds": found, "ratios": ratios}
        options.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
