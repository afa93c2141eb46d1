"""TensorFlow Lite's operators as steps of the op table: one function for each, the inverse of emit.py.

What a row cannot say is refused with the operator's name: a wrong guess would be a wrong network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ...graph.program import Step
from .file_graph import FileOperator, FileTensor
from .read_builder import Builder, qparams
from .read_weights import Layout, Weight, read_bias, read_weight, values_of

Read = Callable[[Builder, FileOperator], None]
Sides = tuple[tuple[int, int], tuple[int, int]]  # (before, after) in height and in width


def _conv2d(b: Builder, op: FileOperator) -> None:
    channels, _, _ = b.image(op, b.tensor(op, 0))
    weight, bias = _parameters(b, op, lambda w: w.permute(0, 3, 1, 2), 0, 4)
    outputs, per_group = weight.value.shape[:2]
    if not per_group or channels % per_group or outputs % (channels // per_group):
        b.graph.refuse(op, f"has weights for {per_group} channels on an image of {channels}")
    _append_conv(b, op, weight, bias, channels // per_group, {})


def _depthwise(b: Builder, op: FileOperator) -> None:
    channels, _, _ = b.image(op, b.tensor(op, 0))
    weight, bias = _parameters(b, op, lambda w: w.permute(3, 0, 1, 2), 3, 4)
    if weight.value.shape[1] != 1 or weight.value.shape[0] % channels:
        b.graph.refuse(op, f"has weights of the shape {tuple(b.constant(op, 1)[0].shape)} for {channels} channels")
    _append_conv(b, op, weight, bias, channels, {"depthwise": True})


def _parameters(
    b: Builder, op: FileOperator, layout: Layout, axis: int, rank: int
) -> tuple[Weight, torch.Tensor | None]:
    stored, style = b.constant(op, 1)
    if len(stored.shape) != rank:
        b.graph.refuse(op, f"has weights of the shape {stored.shape}")
    weight = read_weight(b.graph, op, stored, style, layout, axis)
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return weight, None
    return weight, read_bias(b.graph, op, b.constant(op, 2)[0], b.tensor(op, 0), weight)


def _append_conv(
    b: Builder, op: FileOperator, weight: Weight, bias: torch.Tensor | None, groups: int, attrs: dict[str, Any]
) -> None:
    outputs, per_group, *size = weight.value.shape
    stride = (op.option("strideH", 1), op.option("strideW", 1))
    dilation = (op.option("dilationHFactor", 1), op.option("dilationWFactor", 1))
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    source = b.source(op, 0)
    sides = _sides(b, op, (reach[0], reach[1]), stride)
    source, padding = _explicit(b, op, source, sides)
    sizes: Any = (tuple(size), stride, padding, dilation, groups, bias is not None, "zeros", "meta")
    conv = nn.Conv2d(per_group * groups, outputs, *sizes)
    b.append(op, "conv2d", (source,), attrs, b.add_layer(op, conv, weight, bias))


def _sides(b: Builder, op: FileOperator, kernel: tuple[int, int], stride: tuple[int, int]) -> Sides:
    """What SAME pads: `(ceil(size / stride) - 1) * stride + kernel - size` in all, the odd pixel after."""
    padding = op.option("padding", 0)
    if padding not in (0, 1) or min(*kernel, *stride) < 1:
        b.graph.refuse(op, f"has a window of {kernel} pixels, strides {stride} and padding number {padding}")
    if padding == 1:
        return (0, 0), (0, 0)
    sizes = b.image(op, b.tensor(op, 0))[1:]
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, kernel, stride)]
    return (totals[0] // 2, totals[0] - totals[0] // 2), (totals[1] // 2, totals[1] - totals[1] // 2)


def _explicit(b: Builder, op: FileOperator, source: str, sides: Sides) -> tuple[str, tuple[int, int]]:
    """(input, padding) of a convolution: torch pads both sides alike, anything else is a step before it."""
    (top, bottom), (left, right) = sides
    if top == bottom and left == right:
        return _unpadded(b, op, source) if top == left == 0 else (source, (top, left))
    tensor = b.tensor(op, 0)
    c, h, w = b.image(op, tensor)
    attrs = {"padding": (left, right, top, bottom)}
    name = b.name(f"{b.output(op).name or op.name.lower()}.padded")
    shape = (c, h + top + bottom, w + left + right)
    return b.put(Step(name, "pad", (source,), shape, attrs), tensor.integer, tensor), (0, 0)


def _unpadded(b: Builder, op: FileOperator, source: str) -> tuple[str, tuple[int, int]]:
    """The PAD that emit.py writes for a padding that SAME is not, named after its convolution, belongs to it."""
    step = next((s for s in b.steps if s.name == source), None)
    if step is None or step.kind != "pad" or source != f"{b.output(op).name}.pad":
        return source, (0, 0)
    left, right, top, bottom = step.attrs["padding"]
    if left != right or top != bottom or len(b.graph.readers(b.tensor(op, 0).index)) != 1:
        return source, (0, 0)
    b.steps.remove(step)
    for record in (b.activations, b.integer, b.makers):
        record.pop(source, None)
    return step.inputs[0], (top, left)


def _fully_connected(b: Builder, op: FileOperator) -> None:
    if op.option("weightsFormat", 0):
        b.graph.refuse(op, "has shuffled weights")
    source = _flat(b, op)
    weight, bias = _parameters(b, op, lambda w: _columns(w, b.flattened.get(source)), 0, 2)
    outputs, inputs = weight.value.shape
    linear = nn.Linear(inputs, outputs, bias is not None, device="meta")
    b.append(op, "linear", (source,), {}, b.add_layer(op, linear, weight, bias))


def _flat(b: Builder, op: FileOperator) -> str:
    """The input as a vector: FULLY_CONNECTED flattens an image by itself."""
    source, tensor = b.source(op, 0), b.tensor(op, 0)
    shape = b.shape(op, tensor)
    if len(shape) == 1:
        return source
    name = b.name(f"{b.output(op).name or op.name.lower()}.flat")
    size = shape[0] * shape[1] * shape[2]
    b.put(Step(name, "reshape", (source,), (size,), {"shape": (size,)}), tensor.integer, tensor)
    _note_flattening(b, name, shape)
    return name


def _note_flattening(b: Builder, name: str, before: tuple[int, ...]) -> None:
    if len(before) == 3 and before[0] > 1 and before[1] * before[2] > 1:
        b.flattened[name] = before


def _columns(weight: torch.Tensor, shape: tuple[int, ...] | None) -> torch.Tensor:
    """From the H,W,C order of the file's flattened image to the C,H,W order of torch's."""
    if shape is None or weight.shape[1] != shape[0] * shape[1] * shape[2]:
        return weight
    c, h, w = shape
    return weight.reshape(-1, h, w, c).permute(0, 3, 1, 2).reshape(weight.shape)


def _reshape(b: Builder, op: FileOperator) -> None:
    source, output = b.source(op, 0), b.output(op)
    before, after = b.shape(op, b.tensor(op, 0)), b.shape(op, output)
    if before == after:
        b.alias[output.index] = source
        return
    if len(after) == 3 and (len(before) == 3 or after[1] * after[2] > 1):
        b.graph.refuse(op, f"makes the image {output.shape} of {b.tensor(op, 0).shape}")
    b.append(op, "reshape", (source,), {"shape": after})
    _note_flattening(b, b.alias[output.index], before)


def _pad(b: Builder, op: FileOperator) -> None:
    b.image(op, b.tensor(op, 0))
    amounts = values_of(b.graph, op, b.tensor(op, 1)).tolist()
    if len(amounts) != 4 or amounts[0] != [0, 0] or amounts[3] != [0, 0] or min(map(min, amounts)) < 0:
        b.graph.refuse(op, f"pads by {amounts}, not only around the image")
    (top, bottom), (left, right) = amounts[1:3]
    b.append(op, "pad", (b.source(op, 0),), {"padding": (left, right, top, bottom)})


def _mean(b: Builder, op: FileOperator) -> None:
    b.image(op, b.tensor(op, 0))
    axes = sorted(int(a) % 4 for a in values_of(b.graph, op, b.tensor(op, 1)).reshape(-1))
    if axes != [1, 2]:
        b.graph.refuse(op, f"is over the dimensions {axes}, not over height and width")
    b.append(op, "mean", (b.source(op, 0),), {"keepdim": bool(op.option("keepDims", False))})


def _pool(kind: str) -> Read:
    def read(b: Builder, op: FileOperator) -> None:
        kernel = (op.option("filterHeight", 0), op.option("filterWidth", 0))
        stride = (op.option("strideH", 0), op.option("strideW", 0))
        (top, bottom), (left, right) = _sides(b, op, kernel, stride)
        if top != bottom or left != right:
            b.graph.refuse(op, "pads its two sides by different amounts")
        source, whole = b.source(op, 0), kernel == b.image(op, b.tensor(op, 0))[1:] and not top and not left
        if kind == "avg_pool2d" and whole and not b.output(op).integer:
            b.append(op, "mean", (source,), {"keepdim": True})  # in integers the two round differently
        else:
            b.append(op, kind, (source,), {"kernel": list(kernel), "stride": list(stride), "padding": [top, left]})

    return read


def _binary(kind: str) -> Read:
    def read(b: Builder, op: FileOperator) -> None:
        if len(b.tensor(op, 0).shape) != len(b.tensor(op, 1).shape):
            b.graph.refuse(op, f"combines the shapes {b.tensor(op, 0).shape} and {b.tensor(op, 1).shape}")
        b.append(op, kind, (b.source(op, 0), b.source(op, 1)), sources=2)

    return read


def _cat(b: Builder, op: FileOperator) -> None:
    rank = len(b.output(op).shape)
    if op.option("axis", 0) % rank != rank - 1:
        b.graph.refuse(op, f"is along dimension {op.option('axis', 0)}, not along channels")
    inputs = tuple(b.source(op, i) for i in range(len(op.inputs)))
    b.append(op, "cat", inputs, sources=len(inputs))


def _softmax(b: Builder, op: FileOperator) -> None:
    if op.option("beta", 0.0) != 1:
        b.graph.refuse(op, f"has the beta {op.option('beta', 0.0)}")
    b.append(op, "softmax", (b.source(op, 0),))


def _unary(kind: str) -> Read:
    return lambda b, op: b.append(op, kind, (b.source(op, 0),))


def _dequantize(b: Builder, op: FileOperator) -> None:
    """Of a constant: its style. Of integers: the same tensor, as floats."""
    source, output = b.tensor(op, 0), b.output(op)
    if source.data is not None:
        b.constants[output.index] = (source.index, "float16" if source.type == "float16" else "dequantized")
        return
    name = b.source(op, 0)
    if not source.integer or name in b.rounded:
        b.graph.refuse(op, f"reads {'floats that were just rounded' if source.integer else source.type}")
    b.alias[output.index] = name


def _quantize(b: Builder, op: FileOperator) -> None:
    """Of floats: the same tensor, as integers. Of integers: only where no value changes (uint8 at the border)."""
    name, source, output = b.source(op, 0), b.tensor(op, 0), b.output(op)
    if not output.integer or len(output.scale) != 1 or (source.type != "float32" and not _equal(source, output)):
        b.graph.refuse(op, f"turns {source.type} into {output.type} of another scale")
    if source.type == "float32":
        if name in b.activations and b.activations[name] != qparams(output):
            b.graph.refuse(op, "rounds a tensor that has another scale elsewhere")
        b.rounded.add(name)
        b.makers[name] = output.index
    b.activations[name] = qparams(output)
    b.alias[output.index] = name


def _equal(source: FileTensor, output: FileTensor) -> bool:
    return source.integer and len(source.scale) == 1 and qparams(source) == qparams(output)


READERS: dict[str, Read] = {
    "ADD": _binary("add"),
    "AVERAGE_POOL_2D": _pool("avg_pool2d"),
    "CONCATENATION": _cat,
    "CONV_2D": _conv2d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "DEQUANTIZE": _dequantize,
    "FULLY_CONNECTED": _fully_connected,
    "LOGISTIC": _unary("sigmoid"),
    "MAX_POOL_2D": _pool("max_pool2d"),
    "MEAN": _mean,
    "MUL": _binary("mul"),
    "PAD": _pad,
    "QUANTIZE": _quantize,
    "RELU": _unary("relu"),
    "RELU6": _unary("relu6"),
    "RESHAPE": _reshape,
    "SOFTMAX": _softmax,
    "SQUEEZE": _reshape,
}
