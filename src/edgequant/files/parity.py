"""A file by itself against the arithmetic it should follow: integers exactly, tensor by tensor; floats closely."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..core.arrays import Array, Outputs, only
from ..core.errors import BadOption, Unsupported
from ..core.image import InputSpec
from ..core.pixels import NOTHING, Stated
from ..core.preprocess import normalise
from ..core.progress import AbstractProgress, Silent
from ..data.draw import words
from ..host.guest import guest
from ..measure.parity import (
    DYNAMIC,
    FLOAT,
    FLOAT16,
    INTEGER_LITERT,
    PARTLY_FLOAT,
    dynamic_parity,
    float_parity,
    integer_parity,
)
from ..quantization.simulation.kernels.pick import arithmetic_for
from ..quantization.simulation.simulate import simulator
from .images import split_of
from .input import OpenFile, open_file, spec_for
from .trial import runnable

if TYPE_CHECKING:
    from ..backends.litert.twin import Twin
    from ..backends.tflite.read.read import Imported

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
    if file.target != "litert":
        raise Unsupported(
            f"{path}: parity of a file alone is known for .tflite. For {path.suffix} files, edgequant run and"
            " quantize compare what they write with the simulation, and record it."
        )
    runnable(path)
    from ..backends.tflite.read.read import read

    inputs = spec_for(file, stated)
    imported = read(path, inputs.mean, inputs.std)
    images, data = _images(inputs, data_spec, n)
    with (progress or Silent()).task(f"{path.name}: parity") as tick:
        figures = _compare(file, imported, normalise(images, inputs), tick)
    reference = imported.reference
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


def _compare(file: OpenFile, imported: Imported, x: Array, tick: Any) -> dict[str, Any]:
    from ..backends.litert.twin import Twin, open_named

    reference, session = imported.reference, file.backend.open(file.path)
    if reference.kind != "static":
        taken = open_named(imported).delegated_floats()
        network = simulator(reference, arithmetic_for(taken))
        theirs, ours = _in_chunks(session.run, x, tick), _in_chunks(lambda part: _floats(network, part), x)
        if reference.kind == "dynamic":
            return {**dynamic_parity(theirs, ours, DYNAMIC), "tensors": [], "first_difference": None}
        gate = FLOAT16 if reference.kind == "float16" else FLOAT
        return {**float_parity(theirs, ours, gate), "tensors": [], "first_difference": None}
    twin = Twin(imported)
    theirs, ours = _in_chunks(session.run, x, tick), _in_chunks(twin.outputs, x)
    out = reference.activations.get(reference.captured.program.only.tensor)
    gate = INTEGER_LITERT if reference.all_integer else PARTLY_FLOAT
    figures = integer_parity(theirs, ours, out.scale, gate) if out else float_parity(theirs, ours, FLOAT)
    tensors = _tensors(imported, twin, x)
    return {**figures, "tensors": tensors, "first_difference": next((t for t in tensors if t["max_lsb"]), None)}


def _floats(network: torch.nn.Module, x: Array) -> Outputs:
    with torch.inference_mode():
        return {name: value.numpy() for name, value in network(torch.from_numpy(x)).items()}


def _in_chunks(run: Any, x: Array, tick: Any = lambda _done, _total: None) -> Array:
    results = []
    for start in range(0, len(x), CHUNK):
        results.append(only(run(x[start : start + CHUNK])))
        tick(min(start + CHUNK, len(x)), len(x))
    return np.concatenate(results)


def _tensors(imported: Imported, twin: Twin, x: Array) -> list[dict[str, Any]]:
    """{"tensor", "layer", "op", "exact_fraction", "max_lsb"} of every integer tensor, on few images."""
    from ..backends.litert.twin import open_named
    from ..measure.trace import trace

    program = imported.reference.captured.program
    values = sum(int(np.prod(program.shape(t))) for t in program.tensors)
    x = x[: max(1, TRACED // values)]
    found = open_named(imported, preserve=True).run_all(x)
    entered = twin.entered(torch.from_numpy(x)).numpy()
    return [dataclasses.asdict(d) for d in trace(imported.reference, twin.pick, found, entered)]
