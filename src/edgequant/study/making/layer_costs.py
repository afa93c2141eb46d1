"""What each layer costs in each scheme, measured: bytes as they are packed, milliseconds in the runtime.

A layer is timed in a file of its own, written by the target's own writer, all files of a network in turns on one
thread. Two layers of one shape are timed once.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...backends.contract import AbstractBackend
from ...core.errors import Unsupported
from ...core.image import InputSpec
from ...graph.program import Captured, Network, Output, Program, Step
from ...measure.latency import TURNS, Budget, described, sample, sample_turns
from ...quantization.reference import Reference
from ...quantization.size import estimated_bytes

QUICK = Budget(warmup_s=0.01, min_runs=30, max_runs=400, budget_s=0.06)
Tick = Callable[[int, int], None]


def layer_bytes(reference: Reference) -> dict[str, float]:
    """Layer -> bytes of its packed weights, its scales and its bias; the graph costs the same in every scheme."""
    return {step.layer: float(estimated_bytes(only(reference, step))) for step in reference.captured.program.layers}


def layer_ms(references: Mapping[str, Reference], backend: AbstractBackend, tick: Tick) -> dict[str, dict[str, float]]:
    """Layer -> scheme -> median milliseconds of the layer alone. A scheme that has no kernel is missing."""
    shapes: dict[str, list[tuple[str, str]]] = {}
    invokes: dict[str, Callable[[], object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for scheme, reference in references.items():
            for step in reference.captured.program.layers:
                key = _shape(reference, step, scheme)
                if key not in shapes:
                    invoke = _invoke(
                        only(reference, step), backend, Path(folder) / f"{len(shapes)}{backend.capability.suffix}"
                    )
                    if invoke is not None:
                        invokes[key] = invoke
                shapes.setdefault(key, []).append((step.layer, scheme))
        times = sample(invokes, QUICK, tick=tick)
    found: dict[str, dict[str, float]] = {}
    for key, owners in shapes.items():
        for layer, scheme in owners:
            if key in times:
                found.setdefault(layer, {})[scheme] = float(np.median(times[key]))
    return found


def only(reference: Reference, step: Step) -> Reference:
    """The reference of a network that is this layer and nothing else."""
    program, network = reference.captured.program, reference.captured.network
    source = step.inputs[0]
    alone = Program(source, program.shape(source), (Output(step.name, step.name, step.shape),), (step,))
    inputs = _inputs(program.shape(source))
    captured = Captured(Network(alone, {step.layer: network.layer(step.layer)}), inputs, ())
    known = {t: reference.activations[t] for t in (source, step.name) if t in reference.activations}
    weights = {k: v for k, v in reference.weights.items() if k == step.layer}
    layers = tuple(f for f in reference.layers if f.name == step.layer)
    return dataclasses.replace(reference, captured=captured, activations=known, weights=weights, layers=layers)


def _inputs(shape: tuple[int, ...]) -> InputSpec:
    """A vector counts as an image of one pixel."""
    return InputSpec(*(shape if len(shape) == 3 else (shape[0], 1, 1)))


def _invoke(reference: Reference, backend: AbstractBackend, path: Path) -> Callable[[], object] | None:
    """One run of the layer's file; None where the target has no kernel for it."""
    try:
        session = backend.open(backend.lower(reference, path).path)
    except Unsupported:
        return None
    shape = reference.captured.program.input_shape
    session.prepare(np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32))
    return session.invoke


def _shape(reference: Reference, step: Step, scheme: str) -> str:
    """What decides how long a layer takes."""
    layer, source = reference.captured.network.layer(step.layer), reference.captured.program.shape(step.inputs[0])
    return f"{scheme} {layer} {source} {step.activation}"


def whole_ms(paths: Mapping[str, Path], backend: AbstractBackend, shape: Sequence[int], tick: Tick) -> dict[str, Any]:
    """Milliseconds of whole files, in turns, one thread; as `measure.latency.described` gives them."""
    image = torch.zeros(1, *shape).numpy()
    sessions = {name: backend.open(path) for name, path in paths.items()}
    for session in sessions.values():
        session.prepare(image)
    budget = Budget(budget_s=1.0, min_turns=TURNS)
    times = sample_turns({name: session.invoke for name, session in sessions.items()}, budget, tick=tick)
    return {name: described(turns, 1) | {"kernels": sessions[name].kernels()} for name, turns in times.items()}
