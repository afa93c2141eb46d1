"""Paddings as TensorFlow Lite operators: with zeros, with a number, and with what lies at the border."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ....graph.program import Step
from ....quantization.simulation.kernels.moves import padding_value
from ..layout import Op, Options, Type
from .emitter import Emitter
from .values import between, cut

LOWEST = -3.4028234663852886e38  # of float32
Padding = tuple[int, int, int, int]


def pad(e: Emitter, step: Step, inputs: list[int], output: int, integer: bool) -> None:
    """By its mode: PAD, PADV2, MIRROR_PAD, or slices of the border beside the image."""
    mode, padding = step.attrs.get("mode", "constant"), step.attrs["padding"]
    if mode == "replicate":
        replicate(e, step, inputs[0], output, integer)
    elif mode == "reflect":
        amounts = _amounts(e, padding)
        options = schema.MirrorPadOptionsT()  # whose mode 0 is to reflect
        e.op(Op.MIRROR_PAD, step, (inputs[0], amounts), output, integer, Options.MirrorPadOptions, options)
    elif step.attrs.get("value"):
        q = padding_value(step, e.reference.activations[step.name]) if integer else 0.0
        pad_by(e, step, inputs[0], output, integer, padding, step.attrs["value"], q)
    else:
        amounts = _amounts(e, padding)
        e.op(Op.PAD, step, (inputs[0], amounts), output, integer, Options.PadOptions, schema.PadOptionsT())


def pad_by(e: Emitter, step: Step, x: int, output: int, integer: bool, padding: Padding, real: float, q: float) -> None:
    """PADV2 with one number: `real`, or the centred integer `q`."""
    source = e.writer.tensors[x]
    zero_point = source.quant.zero_point[0] if source.quant else 0
    number = e.integers_of(np.array([q + zero_point if source.quant else real]), source.type, source.quant)
    operands = (x, _amounts(e, padding), number)
    e.op(Op.PADV2, step, operands, output, integer, Options.PadV2Options, schema.PadV2OptionsT())


def _amounts(e: Emitter, padding: Padding) -> int:
    left, right, top, bottom = padding
    return e.integers_of(np.array([[0, 0], [top, bottom], [left, right], [0, 0]]), Type.INT32)


def replicate(e: Emitter, step: Step, x: int, output: int, integer: bool) -> None:
    """The outermost column (row) as often as the padding is wide, before and after the image."""
    left, right, top, bottom = step.attrs["padding"]
    shape = list(e.writer.tensors[x].shape)
    wide = [shape[0], shape[1], shape[2] + left + right, shape[3]]
    middle = output if not top + bottom else between(e, x, wide, f"{step.name}.wide")
    if left + right:
        _beside(e, step, x, middle, integer, 2, (left, right))
    else:
        middle = x
    if top + bottom:
        _beside(e, step, middle, output, integer, 1, (top, bottom))


def _beside(e: Emitter, step: Step, x: int, output: int, integer: bool, axis: int, amounts: tuple[int, int]) -> None:
    shape = list(e.writer.tensors[x].shape)
    edges = []
    for at, amount in zip((0, shape[axis] - 1), amounts):
        begin, end = [0] * 4, list(shape)
        begin[axis], end[axis] = at, at + 1
        size = [b - a for a, b in zip(begin, end)]
        edge = between(e, x, size, f"{step.name}.edge{axis}{at}")
        if amount:
            cut(e, step, x, edge, integer, (begin, end, [1] * 4))
        edges.append([edge] * amount)
    options = schema.ConcatenationOptionsT()
    options.axis = axis
    operands = (*edges[0], x, *edges[1])
    e.op(Op.CONCATENATION, step, operands, output, integer, Options.ConcatenationOptions, options)
