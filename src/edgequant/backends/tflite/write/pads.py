"""Paddings as TensorFlow Lite operators: with zeros, with a number, and with what lies at the border."""

from __future__ import annotations

from ai_edge_litert import schema_py_generated as schema

from ....quantization.simulation.kernels.moves import padding_value
from ..layout import Op
from .emitter import Writing
from .moves import cut
from .windows import Padding

Number = tuple[float, float]  # what floats are padded with, and the centred integer that integers are


def pad(w: Writing) -> None:
    """By its mode: PAD, PADV2, MIRROR_PAD, or slices of the border beside the image."""
    mode, padding = w.step.attrs.get("mode", "constant"), w.step.attrs["padding"]
    if mode == "replicate":
        _replicate(w, padding)
    elif mode == "reflect":
        w.op(Op.MIRROR_PAD, (w.inputs[0], _amounts(w, padding)), schema.MirrorPadOptionsT())  # mode 0: reflect
    else:
        value = w.step.attrs.get("value")
        number = (value, padding_value(w.step, w.grid) if w.integer else 0.0) if value else None
        _around(w, w.inputs[0], padding, number, w.output)


def padded(w: Writing, x: int, padding: Padding, number: Number | None = None) -> int:
    """A tensor of its own, for an operator that has neither SAME nor VALID for what torch pads."""
    left, right, top, bottom = padding
    _, height, width, channels = w.shape(x)
    output = w.between(x, (1, height + top + bottom, width + left + right, channels), "pad")
    _around(w, x, padding, number, output)
    return output


def _around(w: Writing, x: int, padding: Padding, number: Number | None, output: int) -> None:
    if number is None:
        w.op(Op.PAD, (x, _amounts(w, padding)), schema.PadOptionsT(), output)
    else:
        constant = w.number(x, *number, rank=1)
        w.op(Op.PADV2, (x, _amounts(w, padding), constant), schema.PadV2OptionsT(), output)


def _amounts(w: Writing, padding: Padding) -> int:
    left, right, top, bottom = padding
    return w.emitter.constant([[0, 0], [top, bottom], [left, right], [0, 0]])


def _replicate(w: Writing, padding: Padding) -> None:
    """The outermost column, then row, as often as the padding is wide, before and after the image."""
    x, (left, right, top, bottom) = w.inputs[0], padding
    for axis, amounts, last in ((2, (left, right), not top + bottom), (1, (top, bottom), True)):
        if not sum(amounts):
            continue
        shape = list(w.shape(x))
        wide = [n + sum(amounts) * (i == axis) for i, n in enumerate(shape)]
        output = w.output if last else w.between(x, wide, "wide")
        edges: list[list[int]] = []
        for at, amount in zip((0, shape[axis] - 1), amounts):
            begin, end = [0] * 4, list(shape)
            begin[axis], end[axis] = at, at + 1
            edge = w.between(x, [b - a for a, b in zip(begin, end)], f"edge{axis}{at}")
            if amount:
                cut(w, x, (begin, end, [1] * 4), edge)
            edges.append([edge] * amount)
        w.op(Op.CONCATENATION, (*edges[0], x, *edges[1]), schema.ConcatenationOptionsT(axis=axis), output)
        x = output
