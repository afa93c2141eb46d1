"""What a finished file does in its runtime: answers, kernels, latency, memory. Each is a kept step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from ...core.arrays import Array, Outputs
from ...core.preprocess import normalise
from ...data.dataset import AbstractSplit
from ...data.draw import asked, drawn
from ...host.machine import conditions, cores
from ...measure.accuracy import Answers, evaluate, judge
from ...measure.latency import TURNS, benchmark, eager_latency
from ...measure.memory import peak_memory
from ...store.folder import Kept
from ...store.outputs import load_outputs, save_outputs
from .. import keys
from ..bench import Bench
from ..making.variant import Made
from ..prepared import Prepared

OUTPUTS = "outputs.npz"


@final
@dataclass(frozen=True)
class Answered:
    """A variant that was made and has answered the images that files are judged on: its scores, and what gave them."""

    made: Made
    split: AbstractSplit
    outputs: Outputs  # name -> (N, ...) float32
    output_scale: float  # one step of the output; 0.0 for floats, and where there is no file
    kernels: dict[str, Any] | None  # where the ops ran; None where there is no file
    seconds: float | None

    @cached_property
    def answers(self) -> Answers:
        """The predictions, and what each adds to the metric. Raises BadData for labels the file has no class for."""
        return on(self.split, self.outputs)

    def chosen_by(self, bench: Bench) -> Answers | None:
        """The answers to the images by which choices are made: the file's own where files are judged on these, else
        the simulated ones."""
        variant = self.made.variant
        if variant.network.judged_on == "validation":
            return self.answers
        promised = self.made.promised("validation")
        return None if promised is None else on(bench.choosing(variant.network), promised)


def on(split: AbstractSplit, outputs: Outputs) -> Answers:
    """What the outputs for all images of a split answer."""
    return judge(outputs, split.annotations(np.arange(len(split))))


def answer(bench: Bench, made: Made) -> Answered:
    """The file's scores in its runtime, on all cores; without a file, those of the simulation."""
    network, split = made.variant.network, bench.judging(made.variant.network)

    def work(folder: Path) -> dict[str, Any]:
        if made.file is None:
            promised = made.promised(network.judged_on)
            assert promised is not None
            save_outputs(folder / OUTPUTS, promised)
            return {"output_scale": 0.0, "kernels": None, "seconds": None}
        start = time.perf_counter()
        with bench.doing(f"{made.variant.id}: evaluating in {made.variant.target}") as tick:
            found = evaluate(made.open, split, network.captured.inputs, tick=tick)
        save_outputs(folder / OUTPUTS, found.outputs)
        session = made.open()
        return {
            "output_scale": session.only.scale,
            "kernels": session.kernels(),
            "seconds": time.perf_counter() - start,
        }

    what = {"variant": made.kept.key, **made.reads(), "quick": asked(bench.study.quick)}
    kept = bench.kept("evaluate", what, work, keys.measured())
    return Answered(made, split, load_outputs(kept.folder / OUTPUTS), **kept.value)


def latencies(bench: Bench, group: Sequence[Made]) -> Kept:
    """All files of one network, interleaved, at one thread and at all; and the framework's own float32."""
    network = group[0].variant.network
    image = one_image(network)

    def work(_: Path) -> dict[str, Any]:
        result: dict[str, Any] = {"conditions": {"before": conditions()}}
        for key, threads in (("one", 1), ("all", cores())):
            sessions = {made.variant.id: made.open(threads) for made in group}
            with bench.doing(f"{network.name}: latency at {threads} thread{'s' * (threads > 1)}") as tick:
                result[key] = benchmark(sessions, image, threads=threads, min_turns=TURNS, tick=tick)
        result["conditions"]["after"] = conditions()
        network.module.eval()
        result["eager"] = eager_latency(network.module, image, 1)
        return result

    what = {"files": {made.variant.id: made.reads() for made in group}, "turns": TURNS}
    what["eager"] = keys.eager(network.module, network.inputs)
    return bench.kept("latency", what, work, keys.measured())


def one_image(network: Prepared) -> Array:
    """(1, C, H, W) as the network takes it: what files are timed on."""
    return normalise(drawn(network.judged, 1).take(np.arange(1)), network.captured.inputs)


def memory(bench: Bench, made: Made) -> Kept:
    """Peak memory of opening and running the file once, in a process of its own; or its planned arena."""

    def work(_: Path) -> dict[str, Any]:
        if made.file is None:
            return {"bytes": None, "arena": None, "reason": "simulated: there is no file"}
        arena = made.open().arena()
        if arena is not None:
            return {"bytes": arena["total"], "arena": arena, "reason": ""}
        backend = type(made.variant.backend)
        shape = made.variant.network.captured.inputs.shape
        found = peak_memory(f"{backend.__module__}:{backend.__qualname__}", made.file, shape)
        return {"bytes": found.bytes, "arena": None, "reason": found.reason}

    return bench.kept("memory", made.reads(), work, keys.measured())


def seconds_per_image(network: Prepared) -> float:
    """One image through the float network, for an estimate of what is to come."""
    x = torch.zeros(32, *network.captured.inputs.shape)
    with torch.inference_mode():
        network.captured.network(x)
        start = time.perf_counter()
        network.captured.network(x)
    return (time.perf_counter() - start) / len(x)
