"""What a finished file does in its runtime: answers, kernels, latency, memory. Each is a cached step."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...catalog import BACKENDS
from ...core.arrays import Array, only
from ...core.preprocess import normalise
from ...core.progress import AbstractProgress
from ...data.dataset import AbstractSplit
from ...data.draw import asked, drawn
from ...graph.program import SCORES
from ...host.machine import conditions
from ...measure import parity as gates
from ...measure.accuracy import CLASSIFY, Answers, cores, evaluate, judge
from ...measure.compressed import compressed_bytes
from ...measure.latency import TURNS, benchmark, eager_latency
from ...measure.memory import peak_memory
from ...recipe.recipe import parse_recipe
from ...store.folder import Kept, RunFolder
from ...store.outputs import load_outputs, save_outputs
from .. import keys
from ..making.variant import Variant
from ..prepared import Prepared
from ..study import Study
from .parity import explain

OUTPUTS = "outputs.npz"


def evaluation_split(network: Prepared, quick: int) -> AbstractSplit:
    """The test split, or what stands in for it where the set is unlabelled."""
    return drawn(network.splits.test if network.splits.test is not None else network.splits.validation, quick)


def evaluated(network: Prepared) -> str:
    """The name of that split."""
    return "validation" if network.splits.test is None else "test"


def answer(variant: Variant, made: Kept, quick: int, run: RunFolder, progress: AbstractProgress) -> Kept:
    """The file's scores on the test split, in its runtime, on all cores; without a file, those of the simulation."""

    def work(folder: Path) -> dict[str, Any]:
        if made.value["file"] is None:
            save_outputs(folder / OUTPUTS, load_outputs(made.folder / f"{evaluated(variant.network)}.npz"))
            return {"output_scale": 0.0, "kernels": None, "seconds": None}
        backend, path = BACKENDS.build(variant.target), made.folder / made.value["file"]
        start = time.perf_counter()
        with progress.task(f"{variant.id}: evaluating in {variant.target}") as tick:
            split = evaluation_split(variant.network, quick)
            found = evaluate(lambda: backend.open(path), split, variant.network.captured.inputs, tick=tick)
        save_outputs(folder / OUTPUTS, found.outputs)
        session = backend.open(path)
        return {
            "output_scale": session.only.scale,
            "kernels": session.kernels(),
            "seconds": time.perf_counter() - start,
        }

    what = {"variant": made.key, **read(variant, made), "quick": asked(quick), **keys.measured()}
    return run.step("evaluate", what, work)


def answers(variant: Variant, answered: Kept, quick: int) -> Answers:
    outputs = load_outputs(answered.folder / OUTPUTS)
    split = evaluation_split(variant.network, quick)
    return judge(outputs, split.annotations(np.arange(len(split))))


def parity(variant: Variant, made: Kept, answered: Kept, promised: Array | None) -> dict[str, Any] | None:
    """The file against the simulation, on the split that was evaluated; None where there is no file."""
    capability = BACKENDS.build(variant.target).capability
    if promised is None or not capability.ships:
        return None
    outputs, step = only(load_outputs(answered.folder / OUTPUTS)), float(answered.value["output_scale"])
    gate = capability.gate if made.value["all_integer"] else gates.PARTLY_FLOAT
    return gates.parity(outputs, promised, parse_recipe(variant.base).kind, step, gate)


def miss(
    variant: Variant,
    made: Kept,
    answered: Kept,
    promised: Array,
    study: Study,
    run: RunFolder,
    progress: AbstractProgress,
) -> tuple[str, dict[str, Any] | None]:
    """Where a file that missed its gate leaves the simulation (`parity_miss.explain`)."""
    outputs, split = only(load_outputs(answered.folder / OUTPUTS)), evaluation_split(variant.network, study.quick)
    with progress.task(f"{variant.id}: looking for the first layer that differs"):
        return explain(variant, made, outputs, promised, split, study, run, progress)


def latencies(group: dict[str, tuple[Variant, Kept]], run: RunFolder, progress: AbstractProgress) -> Kept:
    """All files of one network, interleaved, at one thread and at all; and the framework's own float32."""
    network = next(iter(group.values()))[0].network
    image = normalise(evaluation_split(network, 1).take(np.arange(1)), network.captured.inputs)

    def work(_: Path) -> dict[str, Any]:
        result: dict[str, Any] = {"conditions": {"before": conditions()}}
        for key, threads in (("one", 1), ("all", cores())):
            sessions = {
                name: BACKENDS.build(variant.target).open(made.folder / made.value["file"], threads)
                for name, (variant, made) in group.items()
            }
            with progress.task(f"{network.name}: latency at {threads} thread{'s' * (threads > 1)}") as tick:
                result[key] = benchmark(sessions, image, threads=threads, min_turns=TURNS, tick=tick)
        result["conditions"]["after"] = conditions()
        network.module.eval()
        result["eager"] = eager_latency(network.module, image, 1)
        return result

    files = {name: read(variant, made) for name, (variant, made) in group.items()}
    eager = keys.eager(network.module, network.inputs)
    return run.step("latency", {"files": files, "eager": eager, "turns": TURNS, **keys.measured()}, work)


def memory(variant: Variant, made: Kept, run: RunFolder) -> Kept:
    """Peak memory of opening and running the file once, in a process of its own; or its planned arena."""

    def work(_: Path) -> dict[str, Any]:
        if made.value["file"] is None:
            return {"bytes": None, "arena": None, "reason": "simulated: there is no file"}
        arena = BACKENDS.build(variant.target).open(made.folder / made.value["file"]).arena()
        if arena is not None:
            return {"bytes": arena["total"], "arena": arena, "reason": ""}
        backend = BACKENDS.get(variant.target.partition(":")[0])
        found = peak_memory(
            f"{backend.__module__}:{backend.__qualname__}",
            made.folder / made.value["file"],
            variant.network.captured.inputs.shape,
        )
        return {"bytes": found.bytes, "arena": None, "reason": found.reason}

    return run.step("memory", {**read(variant, made), **keys.measured()}, work)


def read(variant: Variant, made: Kept) -> dict[str, Any]:
    """Of a key: the file, what opens it, and the images that it is given."""
    target = keys.component(BACKENDS.build(variant.target))
    inputs = repr(variant.network.captured.inputs)
    data = variant.network.splits.fingerprint
    return {"file": made.value["sha256"], "target": target, "inputs": inputs, "data": data}


def compressed(made: Kept) -> dict[str, int] | None:
    """The download size of the file, by compressor; None where there is no file."""
    return None if made.value["file"] is None else compressed_bytes(made.folder / made.value["file"])


def validation_top1(variant: Variant, scores: Array | None, quick: int) -> float | None:
    """Simulated accuracy on the validation split: what the recommendation is chosen by."""
    split = drawn(variant.network.splits.validation, quick)
    if scores is None:
        return None
    terms = judge({SCORES: scores}, split.annotations(np.arange(len(split)))).terms
    return None if terms is None else CLASSIFY.metric(terms).value


def seconds_per_image(network: Prepared) -> float:
    """One image through the float network, for an estimate of what is to come."""
    x = torch.zeros(32, *network.captured.inputs.shape)
    with torch.inference_mode():
        network.captured.network(x)
        start = time.perf_counter()
        network.captured.network(x)
    return (time.perf_counter() - start) / len(x)
