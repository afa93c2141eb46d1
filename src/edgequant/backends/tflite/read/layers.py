"""TensorFlow Lite's operators with weights as steps and layers of the canonical network; the inverse of emit.py.

Padding becomes explicit: torch pads both sides alike, so an uneven SAME is a step of its own before the layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ....graph.program import Step
from ..graph import FileOperator
from ..inspect import TYPES
from .builder import TfliteBuilder
from .weights import Layout, Weight, read_bias, read_weight

Sides = tuple[tuple[int, int], tuple[int, int]]  # (before, after) in height and in width


def conv2d(b: TfliteBuilder, op: FileOperator) -> None:
    channels, _, _ = b.image(op, b.tensor(op, 0))
    _check_bias_type(b, op)
    weight, bias = _parameters(b, op, lambda w: w.permute(0, 3, 1, 2), 0, 4)
    outputs, per_group = weight.value.shape[:2]
    if not per_group or channels % per_group or outputs % (channels // per_group):
        b.graph.refuse(op, f"has weights for {per_group} channels on an image of {channels}")
    _append_conv(b, op, weight, bias, channels // per_group, {})


def depthwise(b: TfliteBuilder, op: FileOperator) -> None:
    channels, _, _ = b.image(op, b.tensor(op, 0))
    weight, bias = _parameters(b, op, lambda w: w.permute(3, 0, 1, 2), 3, 4)
    if weight.value.shape[1] != 1 or weight.value.shape[0] % channels:
        b.graph.refuse(op, f"has weights of the shape {tuple(b.constant(op, 1)[0].shape)} for {channels} channels")
    multiplier = op.option("depthMultiplier")
    if multiplier not in (0, weight.value.shape[0] // channels):  # kernels that look at it take no 0
        b.graph.refuse(op, f"has the depth multiplier {multiplier}, and weights for {len(weight.value)} channels")
    _append_conv(b, op, weight, bias, channels, {"depthwise": True})


def _check_bias_type(b: TfliteBuilder, op: FileOperator) -> None:
    """What it asks for must be what there is: kernels choose their accumulators by it. Raises BadFile."""
    asked = TYPES.get(op.option("quantizedBiasType"))
    stored = b.constant(op, 2)[0].type if len(op.inputs) > 2 and op.inputs[2] >= 0 else "none"
    if asked not in ("float32", stored):  # float32 is the default, which says nothing
        b.graph.refuse(op, f"asks for biases of type {asked} and has {stored}")


def _parameters(
    b: TfliteBuilder, op: FileOperator, layout: Layout, axis: int, rank: int
) -> tuple[Weight, torch.Tensor | None]:
    stored, style = b.constant(op, 1)
    if len(stored.shape) != rank:
        b.graph.refuse(op, f"has weights of the shape {stored.shape}")
    weight = read_weight(b.graph, op, stored, style, layout, axis)
    if len(op.inputs) < 3 or op.inputs[2] < 0:
        return weight, None
    return weight, read_bias(b.graph, op, b.constant(op, 2)[0], b.tensor(op, 0), weight)


def _append_conv(
    b: TfliteBuilder, op: FileOperator, weight: Weight, bias: torch.Tensor | None, groups: int, attrs: dict[str, Any]
) -> None:
    outputs, per_group, *size = weight.value.shape
    stride = (op.option("strideH"), op.option("strideW"))
    dilation = (op.option("dilationHFactor"), op.option("dilationWFactor"))
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation)]
    source = b.source(op, 0)
    sides = padded_sides(b, op, (reach[0], reach[1]), stride)
    source, padding = _explicit(b, op, source, sides)
    sizes: Any = (tuple(size), stride, padding, dilation, groups, bias is not None, "zeros", "meta")
    conv = nn.Conv2d(per_group * groups, outputs, *sizes)
    b.append(op, "conv2d", (source,), attrs, b.add_layer(op, conv, weight, bias))


def padded_sides(b: TfliteBuilder, op: FileOperator, kernel: tuple[int, int], stride: tuple[int, int]) -> Sides:
    """What SAME pads: `(ceil(size / stride) - 1) * stride + kernel - size` in all, the odd pixel after."""
    padding = op.option("padding")
    if padding not in (0, 1) or min(*kernel, *stride) < 1:
        b.graph.refuse(op, f"has a window of {kernel} pixels, strides {stride} and padding number {padding}")
    if padding == 1:
        return (0, 0), (0, 0)
    sizes = b.image(op, b.tensor(op, 0))[1:]
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, kernel, stride)]
    return (totals[0] // 2, totals[0] - totals[0] // 2), (totals[1] // 2, totals[1] - totals[1] // 2)


def _explicit(b: TfliteBuilder, op: FileOperator, source: str, sides: Sides) -> tuple[str, tuple[int, int]]:
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


def _unpadded(b: TfliteBuilder, op: FileOperator, source: str) -> tuple[str, tuple[int, int]]:
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


def fully_connected(b: TfliteBuilder, op: FileOperator) -> None:
    _check_bias_type(b, op)
    if op.option("keepNumDims") and len(b.shape(op, b.tensor(op, 0))) == 3:
        _pointwise(b, op)
        return
    source = _flat(b, op)
    weight, bias = _parameters(b, op, lambda w: _columns(w, b.flattened.get(source)), 0, 2)
    outputs, inputs = weight.value.shape
    linear = nn.Linear(inputs, outputs, bias is not None, device="meta")
    b.append(op, "linear", (source,), {}, b.add_layer(op, linear, weight, bias))


def _pointwise(b: TfliteBuilder, op: FileOperator) -> None:
    """A product of every pixel's channels with a matrix is a 1x1 convolution (4-bit ones are written so)."""
    channels, _, _ = b.image(op, b.tensor(op, 0))
    weight, bias = _parameters(b, op, lambda w: w[:, :, None, None], 0, 2)
    if weight.value.shape[1] != channels:
        b.graph.refuse(op, f"has weights for {weight.value.shape[1]} channels on an image of {channels}")
    conv = nn.Conv2d(channels, weight.value.shape[0], 1, bias=bias is not None, device="meta")
    b.append(op, "conv2d", (b.source(op, 0),), {}, b.add_layer(op, conv, weight, bias))


def _flat(b: TfliteBuilder, op: FileOperator) -> str:
    """The input as a vector: FULLY_CONNECTED flattens an image by itself."""
    source, tensor = b.source(op, 0), b.tensor(op, 0)
    shape = b.shape(op, tensor)
    if len(shape) == 1:
        return source
    name = b.name(f"{b.output(op).name or op.name.lower()}.flat")
    size = shape[0] * shape[1] * shape[2]
    b.put(Step(name, "reshape", (source,), (size,), {"shape": (size,)}), tensor.integer, tensor)
    note_flattening(b, name, shape)
    return name


def note_flattening(b: TfliteBuilder, name: str, before: tuple[int, ...]) -> None:
    if len(before) == 3 and before[0] > 1 and before[1] * before[2] > 1:
        b.flattened[name] = before


def _columns(weight: torch.Tensor, shape: tuple[int, ...] | None) -> torch.Tensor:
    """From the H,W,C order of the file's flattened image to the C,H,W order of torch's."""
    if shape is None or weight.shape[1] != shape[0] * shape[1] * shape[2]:
        return weight
    c, h, w = shape
    return weight.reshape(-1, h, w, c).permute(0, 3, 1, 2).reshape(weight.shape)
