"""TensorFlow Lite's operators that move values, pad or resize images, as steps: the inverse of write/moves and pads.

What is written as several operators (channel shuffles, replicated borders) is refused here, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..graph import FileOperator
from .builder import TfliteBuilder, qparams
from .layers import note_flattening
from .weights import values_of

Read = Callable[[TfliteBuilder, FileOperator], None]


def reshape(b: TfliteBuilder, op: FileOperator) -> None:
    source, output = b.source(op, 0), b.output(op)
    stated, size = _new_shape(b, op), int(np.prod(b.tensor(op, 0).shape))
    if stated.count(-1) == 1:
        stated = tuple(size // max(-int(np.prod(stated)), 1) if n == -1 else n for n in stated)
    if stated != output.shape or int(np.prod(stated)) != size:
        b.graph.refuse(op, f"makes the shape {stated} of {b.tensor(op, 0).shape}, and its tensor has {output.shape}")
    before, after = b.shape(op, b.tensor(op, 0)), b.shape(op, output)
    if before == after:
        b.alias[output.index] = source
        return
    if len(after) == 3 and (len(before) == 3 or after[1] * after[2] > 1):
        b.graph.refuse(op, f"makes the image {output.shape} of {b.tensor(op, 0).shape}")
    b.append(op, "reshape", (source,), {"shape": after})
    note_flattening(b, b.alias[output.index], before)


def _new_shape(b: TfliteBuilder, op: FileOperator) -> tuple[int, ...]:
    """What LiteRT makes of the shape, whatever the file says that the result has. RESHAPE's operand goes first."""
    shape = b.tensor(op, 0).shape
    if op.name == "RESHAPE":
        operand = len(op.inputs) > 1 and op.inputs[1] >= 0
        values = values_of(b.graph, op, b.tensor(op, 1)) if operand else op.option("newShape")
        return () if values is None else tuple(int(v) for v in np.reshape(values, -1))
    dims = op.option("squeezeDims")
    every = [i for i, n in enumerate(shape) if n == 1]
    gone = every if dims is None or not len(dims) else [int(d) % len(shape) for d in dims]
    if not set(gone) <= set(every):
        b.graph.refuse(op, f"squeezes the dimensions {gone} of {shape}")
    return tuple(n for i, n in enumerate(shape) if i not in gone)


def transpose(b: TfliteBuilder, op: FileOperator) -> None:
    """Of the file's input alone: an app's NCHW image becomes the NHWC one that all else works on."""
    order = values_of(b.graph, op, b.tensor(op, 1)).reshape(-1).tolist()
    if b.tensor(op, 0).index != b.graph.input or order != [0, 2, 3, 1]:
        b.graph.refuse(op, f"reorders the dimensions of an inner tensor to {order}")
    if b.graph.metadata.get("layout") != "NCHW":
        b.graph.refuse(op, "turns an NCHW image, which no record in the file says that its input is")
    b.alias[b.output(op).index] = b.source(op, 0)


def slice_(b: TfliteBuilder, op: FileOperator) -> None:
    begin, size = (_whole_numbers(b, op, i) for i in (1, 2))
    shape = b.tensor(op, 0).shape
    end = [n if s == -1 else a + s for a, s, n in zip(begin, size, shape)]
    _sliced(b, op, begin, end, [1] * len(begin))


def strided_slice(b: TfliteBuilder, op: FileOperator) -> None:
    begin, end, step = (_whole_numbers(b, op, i) for i in (1, 2, 3))
    _sliced(b, op, begin, end, step)


def _sliced(b: TfliteBuilder, op: FileOperator, begin: Sequence[int], end: Sequence[int], step: Sequence[int]) -> None:
    if len(begin) != len(b.tensor(op, 0).shape) or (begin[0], end[0]) != (0, 1) or min(*begin, *step, *end) < 0:
        b.graph.refuse(op, f"cuts from {list(begin)} to {list(end)} by {list(step)}")
    attrs = {name: _channels_first(v) for name, v in (("begin", begin), ("end", end), ("step", step))}
    b.append(op, "slice", (b.source(op, 0),), attrs)


def _channels_first(values: Sequence[int]) -> tuple[int, ...]:
    return (values[3], *values[1:3]) if len(values) == 4 else tuple(values[1:])


def _whole_numbers(b: TfliteBuilder, op: FileOperator, position: int) -> list[int]:
    return [int(v) for v in values_of(b.graph, op, b.tensor(op, position)).reshape(-1)]


def resize(b: TfliteBuilder, op: FileOperator) -> None:
    mode = "bilinear" if op.name == "RESIZE_BILINEAR" else "nearest"
    corners, centres = bool(op.option("alignCorners")), bool(op.option("halfPixelCenters"))
    if (mode == "bilinear" and corners == centres) or (mode == "nearest" and (corners or centres)):
        b.graph.refuse(op, f"aligns corners {corners} and pixel centres {centres}, which torch does not")
    before = b.image(op, b.tensor(op, 0))[1:]
    attrs = {"before": before, "size": tuple(_whole_numbers(b, op, 1)), "mode": mode, "corners": corners}
    b.append(op, "upsample", (b.source(op, 0),), attrs)


def pad(b: TfliteBuilder, op: FileOperator) -> None:
    b.append(op, "pad", (b.source(op, 0),), {"padding": _amounts(b, op)})


def mirror_pad(b: TfliteBuilder, op: FileOperator) -> None:
    if op.option("mode") != 0:
        b.graph.refuse(op, "repeats the border pixel itself")
    b.append(op, "pad", (b.source(op, 0),), {"padding": _amounts(b, op), "mode": "reflect"})


def pad_v2(b: TfliteBuilder, op: FileOperator) -> None:
    number = float(values_of(b.graph, op, b.tensor(op, 2)).reshape(-1)[0])
    source = b.tensor(op, 0)
    if source.integer:
        p = qparams(source)
        number = (number - p.zero_point) * p.scale
    b.append(op, "pad", (b.source(op, 0),), {"padding": _amounts(b, op), "value": number})


def _amounts(b: TfliteBuilder, op: FileOperator) -> tuple[int, int, int, int]:
    """(left, right, top, bottom). Raises BadFile for a padding that is not around the image."""
    b.image(op, b.tensor(op, 0))
    found = values_of(b.graph, op, b.tensor(op, 1)).tolist()
    if len(found) != 4 or found[0] != [0, 0] or found[3] != [0, 0] or min(map(min, found)) < 0:
        b.graph.refuse(op, f"pads by {found}, not only around the image")
    (top, bottom), (left, right) = found[1:3]
    return left, right, top, bottom
