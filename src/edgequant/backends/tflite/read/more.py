"""TensorFlow Lite's operators that move, resize, or compute value by value, as steps: the inverse of more_operators.py.

What that writes as several operators (channel shuffles, replicated borders, clamps) is refused here, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..graph import FileOperator
from .builder import Builder, qparams
from .weights import values_of

Read = Callable[[Builder, FileOperator], None]


def unary(kind: str, attrs: Callable[[FileOperator], dict[str, Any]] = lambda _: {}) -> Read:
    return lambda b, op: b.append(op, kind, (b.source(op, 0),), attrs(op))


def slice_(b: Builder, op: FileOperator) -> None:
    begin, size = (_whole_numbers(b, op, i) for i in (1, 2))
    shape = b.tensor(op, 0).shape
    end = [n if s == -1 else a + s for a, s, n in zip(begin, size, shape)]
    _sliced(b, op, begin, end, [1] * len(begin))


def strided_slice(b: Builder, op: FileOperator) -> None:
    begin, end, step = (_whole_numbers(b, op, i) for i in (1, 2, 3))
    _sliced(b, op, begin, end, step)


def _sliced(b: Builder, op: FileOperator, begin: Sequence[int], end: Sequence[int], step: Sequence[int]) -> None:
    if len(begin) != len(b.tensor(op, 0).shape) or (begin[0], end[0]) != (0, 1) or min(*begin, *step, *end) < 0:
        b.graph.refuse(op, f"cuts from {list(begin)} to {list(end)} by {list(step)}")
    attrs = {name: _channels_first(v) for name, v in (("begin", begin), ("end", end), ("step", step))}
    b.append(op, "slice", (b.source(op, 0),), attrs)


def _channels_first(values: Sequence[int]) -> tuple[int, ...]:
    return (values[3], *values[1:3]) if len(values) == 4 else tuple(values[1:])


def _whole_numbers(b: Builder, op: FileOperator, position: int) -> list[int]:
    return [int(v) for v in values_of(b.graph, op, b.tensor(op, position)).reshape(-1)]


def resize(mode: str) -> Read:
    def read(b: Builder, op: FileOperator) -> None:
        corners, centres = bool(op.option("alignCorners")), bool(op.option("halfPixelCenters"))
        if (mode == "bilinear" and corners == centres) or (mode == "nearest" and (corners or centres)):
            b.graph.refuse(op, f"aligns corners {corners} and pixel centres {centres}, which torch does not")
        before = b.image(op, b.tensor(op, 0))[1:]
        attrs = {"before": before, "size": tuple(_whole_numbers(b, op, 1)), "mode": mode, "corners": corners}
        b.append(op, "upsample", (b.source(op, 0),), attrs)

    return read


def mirror_pad(b: Builder, op: FileOperator) -> None:
    if op.option("mode") != 0:
        b.graph.refuse(op, "repeats the border pixel itself")
    b.append(op, "pad", (b.source(op, 0),), {"padding": amounts(b, op), "mode": "reflect"})


def pad_v2(b: Builder, op: FileOperator) -> None:
    number = float(values_of(b.graph, op, b.tensor(op, 2)).reshape(-1)[0])
    source = b.tensor(op, 0)
    if source.integer:
        p = qparams(source)
        number = (number - p.zero_point) * p.scale
    b.append(op, "pad", (b.source(op, 0),), {"padding": amounts(b, op), "value": number})


def amounts(b: Builder, op: FileOperator) -> tuple[int, int, int, int]:
    """(left, right, top, bottom). Raises BadFile for a padding that is not around the image."""
    b.image(op, b.tensor(op, 0))
    found = values_of(b.graph, op, b.tensor(op, 1)).tolist()
    if len(found) != 4 or found[0] != [0, 0] or found[3] != [0, 0] or min(map(min, found)) < 0:
        b.graph.refuse(op, f"pads by {found}, not only around the image")
    (top, bottom), (left, right) = found[1:3]
    return left, right, top, bottom


bilinear, nearest = resize("bilinear"), resize("nearest")
depth_to_space = unary("depth_to_space", lambda op: {"block": op.option("blockSize")})
gelu = unary("gelu", lambda op: {"approximate": "tanh" if op.option("approximate") else "none"})
