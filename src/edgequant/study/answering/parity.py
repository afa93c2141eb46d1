"""A file beside its promise: whether it computes what simulation said, and if not, the first layer that differs."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...core.arrays import only
from ...core.preprocess import normalise
from ...measure import parity as gates
from ...measure.trace import first_difference
from ..bench import Bench
from ..making.variant import remade
from .runtime import Answered

IMAGES = 8  # those whose scores differ most


def parity(answered: Answered) -> dict[str, Any] | None:
    """The file against the simulation, on the split that was evaluated; None where there is no file."""
    made, variant = answered.made, answered.made.variant
    promised = made.promised(variant.network.judged_on)
    if promised is None or not variant.backend.capability.ships:
        return None
    gate = variant.backend.capability.gate if made.all_integer else gates.PARTLY_FLOAT
    return gates.parity(only(answered.outputs), only(promised), variant.recipe.kind, answered.output_scale, gate)


def miss(bench: Bench, answered: Answered) -> tuple[str, dict[str, Any] | None]:
    """Where a file that missed its gate leaves the simulation: in words, and the tensor as `measure.trace` gives it;
    None where no integer tensor differs."""
    made, variant = answered.made, answered.made.variant
    promised = made.promised(variant.network.judged_on)
    assert promised is not None
    with bench.doing(f"{variant.id}: looking for the first layer that differs"):
        reference = remade(bench, variant)
        if reference.kind != "static":
            return f"{reference.recipe} has no integer tensors to compare", None
        apart = np.abs(only(answered.outputs).astype(np.float64) - only(promised)).max(1)
        worst = np.sort(np.argsort(-apart, kind="stable")[:IMAGES])
        x = normalise(answered.split.take(worst), reference.captured.inputs)
        backend = variant.backend
        arithmetic, ran = backend.arithmetic(reference, made.path), backend.integers(made.path, x)
        found = first_difference(reference, arithmetic, ran, x, backend.capability.layout)
    if found is None:
        return "no tensor differs on a run that keeps them all: the kernels of the file as it ships do", None
    return (
        f"the first layer that differs is {found.layer or found.tensor} ({found.op}): {found.exact_fraction:.2%} of"
        f" its integers equal, up to {found.max_lsb} steps apart, on the {IMAGES} images that differ most"
    ), dataclasses.asdict(found)
