"""A file by itself against the arithmetic it should follow: integers exactly, tensor by tensor; floats closely."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.contract import AbstractMirror, Mirrored
from ..core.arrays import Array, only
from ..core.errors import BadOption, Unsupported
from ..core.image import InputSpec
from ..core.pixels import NOTHING, Stated
from ..core.preprocess import normalise
from ..core.progress import AbstractProgress, Silent
from ..data.draw import words
from ..host.guest import guest
from ..measure.parity import PARTLY_FLOAT, parity
from ..measure.trace import trace
from .images import split_of
from .input import OpenFile, open_file, spec_for
from .trial import runnable

SEED = 0
CHUNK = 25
TRACED = 50_000_000  # values that tracing keeps at a time, on each side


@guest
def parity_file(
    path: Path,
    data_spec: str | None = None,
    n: int = 200,
    stated: Stated = NOTHING,
    progress: AbstractProgress | None = None,
) -> dict[str, Any]:
    """What `measure.parity` gives, {"file", "target", "recipe", "kind", "data", "n", "tensors", "first_difference"}.

    On a class-balanced draw of `n` images of the data set's test split; without one, on seeded random bytes, as "data"
    says. "tensors" compares every integer tensor in order, on a run that keeps them all, which splits the delegate:
    the figures above them are of the file as it ships.
    Raises BadFile where the file has an operation that is not in the op table, Unsupported for other formats.
    """
    file = open_file(path)
    if not isinstance(file.backend, Mirrored):
        raise Unsupported(
            f"{path}: parity of a file alone is known for .tflite. For {path.suffix} files, edgequant run and"
            " quantize compare what they write with the simulation, and record it."
        )
    runnable(path)
    inputs = spec_for(file, stated)
    mirror = file.backend.mirror(path, inputs)
    images, data = _images(inputs, data_spec, n)
    with (progress or Silent()).task(f"{path.name}: parity") as tick:
        figures = _compare(file, mirror, normalise(images, inputs), tick)
    reference = mirror.reference
    about = {"file": str(path), "target": file.target, "recipe": reference.recipe, "kind": reference.kind}
    return {**about, "data": data, "n": len(images), **figures}


def _images(inputs: InputSpec, data_spec: str | None, n: int) -> tuple[Array, str]:
    """(n, H, W, C) pixels, and what they are in words."""
    if n < 1:
        raise BadOption(f"Parity needs at least one image. Got n = {n}.")
    if data_spec is None:
        shape = (n, inputs.height, inputs.width, inputs.channels)
        return np.random.default_rng(SEED).integers(0, 256, shape, np.uint8), f"random bytes, seed {SEED}: no images"
    images = split_of(data_spec, inputs, n)
    count = len(images.split)
    return images.split.take(np.arange(count)), f"{data_spec}, {words(count)} of {images.name}"


def _compare(file: OpenFile, mirror: AbstractMirror, x: Array, tick: Any) -> dict[str, Any]:
    reference = mirror.reference
    theirs, ours = _in_chunks(file.backend.open(file.path).run, x, tick), _in_chunks(mirror.run, x)
    out = reference.activations.get(reference.captured.program.only.tensor)
    gate = file.backend.capability.gate if reference.all_integer else PARTLY_FLOAT
    figures = parity(theirs, ours, reference.kind, out.scale if out else 0.0, gate)
    tensors = _tensors(mirror, x) if reference.kind == "static" else []
    return {**figures, "tensors": tensors, "first_difference": next((t for t in tensors if t["max_lsb"]), None)}


def _in_chunks(run: Any, x: Array, tick: Any = lambda _done, _total: None) -> Array:
    results = []
    for start in range(0, len(x), CHUNK):
        results.append(only(run(x[start : start + CHUNK])))
        tick(min(start + CHUNK, len(x)), len(x))
    return np.concatenate(results)


def _tensors(mirror: AbstractMirror, x: Array) -> list[dict[str, Any]]:
    """{"tensor", "layer", "op", "exact_fraction", "max_lsb"} of every integer tensor, on few images."""
    program = mirror.reference.captured.program
    values = sum(int(np.prod(program.shape(t))) for t in program.tensors)
    x = x[: max(1, TRACED // values)]
    found = trace(mirror.reference, mirror.pick, mirror.integers(x), mirror.entered(x))
    return [dataclasses.asdict(d) for d in found]
