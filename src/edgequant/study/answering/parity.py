"""A file that missed its parity gate: the first layer where it leaves the simulation, and by how much."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...backends.contract import AbstractBackend
from ...catalog import BACKENDS
from ...core.arrays import Array
from ...core.preprocess import normalise
from ...core.progress import AbstractProgress
from ...data.dataset import AbstractSplit
from ...measure.trace import TensorDifference, first_difference
from ...quantization.reference import Reference
from ...store.folder import Kept, RunFolder
from ..making.variant import Variant, remade
from ..study import Study

IMAGES = 8  # those whose scores differ most


def explain(
    variant: Variant,
    made: Kept,
    outputs: Array,
    promised: Array,
    split: AbstractSplit,
    study: Study,
    run: RunFolder,
    progress: AbstractProgress,
) -> tuple[str, dict[str, Any] | None]:
    """In words, and the tensor as `measure.trace` gives it; None where no integer tensor differs.

    `outputs` and `promised`: (N, classes) scores of the file and of the simulation on `split`.
    """
    backend, path = BACKENDS.build(variant.target), made.folder / made.value["file"]
    reference = remade(variant, study, run, progress)
    if reference.kind != "static":
        return f"{reference.recipe} has no integer tensors to compare", None
    apart = np.abs(outputs.astype(np.float64) - promised).max(1)
    worst = np.sort(np.argsort(-apart, kind="stable")[:IMAGES])
    x = normalise(split.take(worst), reference.captured.inputs)
    found = _first(backend, reference, path, x)
    if found is None:
        return "no tensor differs on a run that keeps them all: the kernels of the file as it ships do", None
    return _sentence(found), dataclasses.asdict(found)


def _first(backend: AbstractBackend, reference: Reference, path: Any, x: Array) -> TensorDifference | None:
    arithmetic, layout = backend.arithmetic(reference, path), backend.capability.layout
    return first_difference(reference, arithmetic, backend.integers(path, x), x, layout)


def _sentence(found: TensorDifference) -> str:
    return (
        f"the first layer that differs is {found.layer or found.tensor} ({found.op}): {found.exact_fraction:.2%} of"
        f" its integers equal, up to {found.max_lsb} steps apart, on the {IMAGES} images that differ most"
    )
