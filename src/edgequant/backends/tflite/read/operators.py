"""TensorFlow Lite's operators as steps of the op table: one function for each, the inverse of emit.py.

What a row cannot say is refused with the operator's name: a wrong guess would be a wrong network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from ....graph.ops.op import Lacks, Operator, named
from ....graph.ops.table import OPS, tflite_operators
from ..graph import FileOperator, FileTensor
from . import moves
from .builder import TfliteBuilder, qparams
from .layers import padded_sides
from .moves import Read
from .weights import values_of


def mean(b: TfliteBuilder, op: FileOperator) -> None:
    b.image(op, b.tensor(op, 0))
    axes = sorted(int(a) % 4 for a in values_of(b.graph, op, b.tensor(op, 1)).reshape(-1))
    if axes == [3] and op.option("keepDims"):
        b.append(op, "channel_mean", (b.source(op, 0),))
        return
    if axes != [1, 2]:
        b.graph.refuse(op, f"is over the dimensions {axes}, not over height and width")
    b.append(op, "mean", (b.source(op, 0),), {"keepdim": bool(op.option("keepDims"))})


def pool(b: TfliteBuilder, op: FileOperator) -> None:
    kernel = (op.option("filterHeight"), op.option("filterWidth"))
    stride = (op.option("strideH"), op.option("strideW"))
    (top, bottom), (left, right) = padded_sides(b, op, kernel, stride)
    # torch's ceil_mode adds the one window over the edge; with a stride of 1 there is none to add.
    uneven = [n for n, side in enumerate(((top, bottom), (left, right))) if side[0] != side[1]]
    if any(stride[n] == 1 for n in uneven):
        b.graph.refuse(op, "pads its two sides by different amounts at stride 1")
    source, whole = b.source(op, 0), kernel == b.image(op, b.tensor(op, 0))[1:] and not (top or left or uneven)
    if op.name == "AVERAGE_POOL_2D" and whole and not b.output(op).integer:
        b.append(op, "mean", (source,), {"keepdim": True})  # in integers the two round differently
    else:
        window = {"kernel": list(kernel), "stride": list(stride), "padding": [top, left]}
        b.append(
            op,
            "avg_pool2d" if op.name == "AVERAGE_POOL_2D" else "max_pool2d",
            (source,),
            window | ({"ceil": True} if uneven else {}),
        )


def _binary(kind: str) -> Read:
    def read(b: TfliteBuilder, op: FileOperator) -> None:
        if len(b.tensor(op, 0).shape) != len(b.tensor(op, 1).shape):
            b.graph.refuse(op, f"combines the shapes {b.tensor(op, 0).shape} and {b.tensor(op, 1).shape}")
        _check_powers(b, op)
        b.append(op, kind, (b.source(op, 0), b.source(op, 1)), sources=2)

    return read


def _check_powers(b: TfliteBuilder, op: FileOperator) -> None:
    """On 16-bit scales that all are powers of two LiteRT has other arithmetic (add.cc, sub.cc, `pot_scale_int16`)."""
    tensors = [b.output(op), b.tensor(op, 0), b.tensor(op, 1)]
    if op.name == "MUL" or any(t.type != "int16" for t in tensors) or not op.option("potScaleInt16"):
        return
    if all(len(t.scale) == 1 and np.frexp(t.scale[0])[0] == 0.5 for t in tensors):
        b.graph.refuse(op, "adds 16-bit integers by shifts (potScaleInt16)")


def cat(b: TfliteBuilder, op: FileOperator) -> None:
    rank = len(b.output(op).shape)
    if op.option("axis") % rank != rank - 1:
        b.graph.refuse(op, f"is along dimension {op.option('axis')}, not along channels")
    inputs = tuple(b.source(op, i) for i in range(len(op.inputs)))
    b.append(op, "cat", inputs, sources=len(inputs))


def softmax(b: TfliteBuilder, op: FileOperator) -> None:
    if op.option("beta") != 1:
        b.graph.refuse(op, f"has the beta {op.option('beta')}")
    b.append(op, "softmax", (b.source(op, 0),))


def unary(kind: str, attrs: Callable[[FileOperator], dict[str, Any]] = lambda _: {}) -> Read:
    return lambda b, op: b.append(op, kind, (b.source(op, 0),), attrs(op))


depth_to_space = unary("depth_to_space", lambda op: {"block": op.option("blockSize")})
gelu = unary("gelu", lambda op: {"approximate": "tanh" if op.option("approximate") else "none"})


def dequantize(b: TfliteBuilder, op: FileOperator) -> None:
    """Of a constant: its style. Of integers: the same tensor, as floats."""
    source, output = b.tensor(op, 0), b.output(op)
    if source.data is not None:
        b.constants[output.index] = (source.index, "float16" if source.type == "float16" else "dequantized")
        return
    name = b.source(op, 0)
    if not source.integer or name in b.rounded:
        b.graph.refuse(op, f"reads {'floats that were just rounded' if source.integer else source.type}")
    b.alias[output.index] = name


def quantize(b: TfliteBuilder, op: FileOperator) -> None:
    """Of floats: the same tensor, as integers. Of integers: that too where no value changes (uint8 at the border).

    The bytes of the file's input may be made floats and rounded again: to 16 bits there is no other way.
    """
    name, source, output = b.source(op, 0), b.tensor(op, 0), b.output(op)
    plain = source.type == "float32" or (source.integer and len(source.scale) == 1)
    if not plain or not output.integer or len(output.scale) != 1:
        b.graph.refuse(op, f"turns {source.type} into {output.type} of several scales or none")
    if source.type == "float32":
        if name in b.activations and b.activations[name] != qparams(output) and name != b.alias[b.graph.input]:
            b.graph.refuse(op, "rounds a tensor that has another scale elsewhere")
        b.rounded.add(name)
        b.makers[name] = output.index
    elif not _equal(source, output):
        _requantize(b, op, source, output)
        return
    b.activations[name] = qparams(output)
    b.alias[output.index] = name


def _requantize(b: TfliteBuilder, op: FileOperator, source: FileTensor, output: FileTensor) -> None:
    """Onto a grid that holds all of the other one: the same values. Else the file clamps there."""
    (low, high), (least, most) = _ends(source), _ends(output)
    step = float(output.scale[0])
    if least - step <= low and high <= most + step:
        b.append(op, "requantize", (b.source(op, 0),))
    elif output.type == "int16":
        b.graph.refuse(op, "clamps 16-bit integers to a narrower grid")
    else:
        b.append(op, "clamp", (b.source(op, 0),), {"low": least, "high": most})


def _ends(tensor: FileTensor) -> tuple[float, float]:
    """The reals at the ends of its grid."""
    p = qparams(tensor)
    return (p.low - p.zero_point) * p.scale, (p.high - p.zero_point) * p.scale


def _equal(source: FileTensor, output: FileTensor) -> bool:
    return source.integer and len(source.scale) == 1 and qparams(source) == qparams(output)


def _reader(kind: str, operator: Operator) -> Read:
    row = OPS[kind]
    if operator.read:
        return cast(Read, named("tflite read", str(operator.read), kind))
    if row.inputs == 2:
        return _binary(kind)
    return unary(kind, lambda op: {a: float(op.option(b)) for a, b in row.tflite.attributes.items()})


READERS: dict[str, Read] = {
    **{n: _reader(kind, o) for n, (kind, o) in tflite_operators().items() if not isinstance(o.read, Lacks)},
    "DEQUANTIZE": dequantize,
    "SQUEEZE": moves.reshape,
}
