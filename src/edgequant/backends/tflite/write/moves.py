"""TensorFlow Lite operators that move values, and resize images.

A row may be several operators with tensors between them; all of those lie on one grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ..layout import Op, nhwc
from .emitter import Writing

Ends = tuple[Sequence[int], Sequence[int], Sequence[int]]  # begin, end and stride, a dimension each


def reshape(w: Writing) -> None:
    _reshape(w, w.inputs[0], w.output)


def _reshape(w: Writing, x: int, output: int) -> None:
    w.op(Op.RESHAPE, (x, w.emitter.constant(w.shape(output))), schema.ReshapeOptionsT(), output)


def cat(w: Writing) -> None:
    w.op(Op.CONCATENATION, w.inputs, schema.ConcatenationOptionsT(axis=len(nhwc(w.step.shape)) - 1))


def slice_(w: Writing) -> None:
    """(C, H, W), or one vector: the channels go last and the batch first."""
    ends = []
    for name, batch in (("begin", 0), ("end", 1), ("step", 1)):
        values = w.step.attrs[name]
        ends.append([batch, *values[1:], values[0]] if len(values) == 3 else [batch, *values])
    cut(w, w.inputs[0], (ends[0], ends[1], ends[2]), w.output)


def cut(w: Writing, x: int, ends: Ends, output: int) -> None:
    """SLICE, which XNNPACK takes, where the stride is 1."""
    begin, end, stride = ends
    if set(stride) == {1}:
        operands = [w.emitter.constant(v) for v in (begin, np.subtract(end, begin))]
        w.op(Op.SLICE, (x, *operands), schema.SliceOptionsT(), output)
    else:
        operands = [w.emitter.constant(v) for v in ends]
        w.op(Op.STRIDED_SLICE, (x, *operands), schema.StridedSliceOptionsT(), output)


def shuffle(w: Writing) -> None:
    (c, height, width), groups = w.step.shape, w.step.attrs["groups"]
    _transposed(w, (height * width, groups, c // groups), (0, 2, 1))


def depth_to_space(w: Writing) -> None:
    """DEPTH_TO_SPACE has no 16 bits; a TRANSPOSE has."""
    block = w.step.attrs["block"]
    if w.wide:
        _, height, width, c = w.shape(w.inputs[0])
        _transposed(w, (height, width, block, c // block), (0, 2, 1, 3))
    else:
        w.op(Op.DEPTH_TO_SPACE, w.inputs, schema.DepthToSpaceOptionsT(blockSize=block))


def _transposed(w: Writing, shape: Sequence[int], order: Sequence[int]) -> None:
    """RESHAPE to `shape`, TRANSPOSE, RESHAPE to the output's shape."""
    x = w.inputs[0]
    apart, moved = w.between(x, shape, "apart"), w.between(x, [shape[i] for i in order], "moved")
    _reshape(w, x, apart)
    w.op(Op.TRANSPOSE, (apart, w.emitter.constant(order)), schema.TransposeOptionsT(), moved)
    _reshape(w, moved, w.output)


def upsample(w: Writing) -> None:
    size, bilinear = w.emitter.constant(w.step.attrs["size"]), w.step.attrs["mode"] == "bilinear"
    options: Any = schema.ResizeBilinearOptionsT() if bilinear else schema.ResizeNearestNeighborOptionsT()
    options.alignCorners = bilinear and w.step.attrs["corners"]
    options.halfPixelCenters = bilinear and not w.step.attrs["corners"]
    w.op(Op.RESIZE_BILINEAR if bilinear else Op.RESIZE_NEAREST_NEIGHBOR, (w.inputs[0], size), options)
