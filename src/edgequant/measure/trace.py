"""Where a file and the integer executor part: tensor by tensor, in the order of execution.

The file is opened with all tensors preserved, which splits the delegate (a tensor that is only kept
because somebody looks at it ends a partition). So this locates a difference; whether there is one is
for the parity of the file as it ships to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from ..core.arrays import Array
from ..graph.program import Program
from ..quantization.reference import Reference
from ..quantization.simulation.arithmetic import Arithmetic, Pick
from ..quantization.simulation.executor import IntegerExecutor


@dataclass(frozen=True)
class TensorDifference:
    """One tensor of the program: the fraction of its integers that are equal, and how far the others are."""

    tensor: str
    layer: str
    op: str
    exact_fraction: float
    max_lsb: int


def trace(
    reference: Reference, arithmetic: Arithmetic | Pick, found: Mapping[str, Array], inputs: Array, layout: str = "NHWC"
) -> list[TensorDifference]:
    """Every integer tensor that both sides have, in order.

    `found`: tensor name -> (N, ...) integers of the file, in the file's `layout`, on the normalised `(N, C, H, W)`
    images `inputs` (`AbstractBackend.integers`). A padding merged into a convolution is in no file.
    """
    program, ours = reference.captured.program, executor_tensors(reference, arithmetic, inputs)
    if layout == "NHWC":
        found = {name: _nchw(program, name, value) for name, value in found.items()}
    return list(_differences(program, ours, found))


def first_difference(
    reference: Reference, arithmetic: Arithmetic | Pick, found: Mapping[str, Array], inputs: Array, layout: str = "NHWC"
) -> TensorDifference | None:
    """The first tensor that differs; None where all are equal."""
    return next((d for d in trace(reference, arithmetic, found, inputs, layout) if d.max_lsb), None)


def executor_tensors(reference: Reference, arithmetic: Arithmetic | Pick, inputs: Array) -> dict[str, Array]:
    """Tensor name -> (N, ...) integers as the executor computes them, NCHW."""
    kept: dict[str, Array] = {}

    def keep(name: str, value: torch.Tensor) -> None:
        kept[name] = value.numpy().copy()

    IntegerExecutor(reference, arithmetic)(torch.from_numpy(inputs), visit=keep)
    return kept


def _differences(
    program: Program, ours: Mapping[str, Array], theirs: Mapping[str, Array]
) -> Iterator[TensorDifference]:
    for step in program.steps:
        if step.name in ours and step.name in theirs:
            mine, other = ours[step.name].astype(np.int64), theirs[step.name].astype(np.int64)
            apart = np.abs(mine - other.reshape(mine.shape))  # a file may keep the 1s of a pooled image's shape
            exact, furthest = float((apart == 0).mean()), int(apart.max(initial=0))
            yield TensorDifference(step.name, step.layer, step.kind, exact, furthest)


def _nchw(program: Program, name: str, value: Array) -> Array:
    """From the file's layout to the program's; a flattened image is in H, W, C order there."""
    shape = program.shape(name) if name in program.tensors else value.shape[1:]
    if len(shape) == 3:
        return value.transpose(0, 3, 1, 2)
    image = _flattened(program, name)
    if image is None:
        return value
    c, h, w = image
    return value.reshape(-1, h, w, c).transpose(0, 3, 1, 2).reshape(len(value), -1)


def _flattened(program: Program, name: str) -> tuple[int, int, int] | None:
    """The (C, H, W) of the image that the vector `name` was, if a reshape made it."""
    maker = next((s for s in program.steps if s.name == name and s.kind == "reshape"), None)
    before = program.shape(maker.inputs[0]) if maker else ()
    return (before[0], before[1], before[2]) if len(before) == 3 else None
