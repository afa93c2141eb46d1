"""Random .tflite files that LiteRT runs: chains of one to five operators on an image of random size."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from .drawing import Array, Drawing, Grid, run
from .operators import DRAWS

MOST = 5  # operators before the last


@dataclass(frozen=True)
class Case:
    """A file that LiteRT runs, its images (N, H, W, C), and what it says of them one by one."""

    seed: int
    kinds: tuple[str, ...]
    integer: bool
    file: bytes
    x: Array
    wanted: Array


def draw(seed: int, integer: bool = False) -> Case | None:
    """None where LiteRT runs nothing of it, or where the result is not finite."""
    rng = np.random.default_rng(seed)
    d = Drawing(rng, integer)
    d.activation((1, d.int(3, 8), d.int(3, 8), d.int(1, 4)), Grid(0.03, 5) if integer else None)
    shape = (3, *d.shape[1:])
    x = rng.integers(-128, 128, shape).astype(np.int8) if integer else rng.normal(0, 2, shape).astype(np.float32)
    for _ in range(d.int(1, MOST)):
        d = _grown(d)
    if not d.operators:
        return None
    d = _ended(d)
    if d.chance(0.15):
        _spoil(d)
    kinds = tuple(o[0] for o in d.operators)
    try:
        wanted = np.concatenate([np.asarray(run(d.file(), one[None], delegate=integer)[0]) for one in x])
    except (RuntimeError, ValueError):
        return None
    if wanted.size == 0 or not np.isfinite(wanted).all() or np.abs(wanted).max() > 1e6:
        return None
    return Case(seed, kinds, integer, d.file(), x, wanted)


def _grown(d: Drawing) -> Drawing:
    """One operator more, and the shapes that LiteRT gives its results; as it was where LiteRT does not take it."""
    choices = [one for one, image in DRAWS if len(d.shape) == 4 or not image]
    grown = deepcopy(d)
    grown.rng = d.rng  # a draw that fails must not be repeated
    choices[d.int(0, len(choices) - 1)](grown)
    try:
        _, shapes = run(grown.file(), None)
    except (RuntimeError, ValueError):
        return d
    for index, shape in shapes.items():
        if index < len(grown.shapes) and not grown.data[index]:
            grown.shapes[index] = shape
    return grown if len(grown.shape) >= 2 and grown.shape[0] == 1 and 0 < np.prod(grown.shape) < 5000 else d


def _ended(d: Drawing) -> Drawing:
    """Scores (1, N), as a rule."""
    if len(d.shape) == 4 and d.chance(0.9):
        d.op("MEAN", (d.at, d.ints([1, 2])), d.activation((1, d.shape[3])), "ReducerOptions", keepDims=False)
    return d


def _spoil(d: Drawing) -> None:
    """What LiteRT takes no notice of, or takes otherwise: a shape that is not the tensor's, options left out."""
    at = d.int(0, len(d.operators) - 1)
    name, inputs, outputs, _ = d.operators[at]
    if d.chance():
        d.operators[at] = (name, inputs, outputs, None)
        return
    one = outputs[0]
    d.shapes[one] = d.any(
        (1, *reversed(d.shapes[one][1:])), d.shapes[one][1:], (1, int(np.prod(d.shapes[one]))), (*d.shapes[one], 1)
    )
