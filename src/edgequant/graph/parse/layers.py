"""Layers with weights, and the normalizations that fold into them or become arithmetic of the op table."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from .builder import Builder
from .constants import with_weights
from .nodes import arguments, name_of, pair, refuse, shape
from .views import Shape, Value, View, whole


def conv2d(b: Builder, node: fx.Node) -> None:
    defaults = (None, None, None, [1, 1], [0, 0], [1, 1], 1)
    _, weight, bias, stride, padding, dilation, groups = arguments(node, defaults)
    kernel, offset = b.layers.stored(weight), b.layers.tensor(bias)
    size, strides, dilations = ((int(v[0]), int(v[1])) for v in (kernel.shape[2:], pair(stride), pair(dilation)))
    where = padding if isinstance(padding, str) else (pair(padding)[0], pair(padding)[1])
    channels, biased = kernel.shape[1] * groups, offset is not None
    conv = nn.Conv2d(channels, len(kernel), size, strides, where, dilations, groups, biased, device="meta")
    attrs = {"depthwise": True} if groups == channels > 1 else {}
    source = b.plain(node, node.args[0])
    layer = b.layer(node, with_weights(conv, kernel, offset))
    b.becomes(node, b.step(node, "conv2d", [source], shape(node), attrs, layer))


def linear(b: Builder, node: fx.Node) -> None:
    """On vectors, or on the channels of an image seen channels-last or as tokens: then it is a 1x1 convolution."""
    _, weight, bias = arguments(node, (None, None, None))
    value = b.value(node, node.args[0])
    matrix, offset = b.layers.stored(weight), b.layers.tensor(bias)
    if len(value.view.dims) == 1:
        _on_vectors(b, node, value, matrix, offset)
    elif value.view.axis(len(value.view.dims) - 1) == 0 and len(value.view.base) == 3:
        _on_channels(b, node, value, matrix, offset)
    else:
        refuse(node, f"A linear layer on {len(value.view.dims)} dimensions", "one on vectors (N, C) or on channels is")


def _on_vectors(b: Builder, node: fx.Node, value: Value, matrix: torch.Tensor, bias: torch.Tensor | None) -> None:
    """Of an image flattened in another order, the columns are moved instead of the pixels."""
    if not value.view.plain:
        moved = torch.empty_like(matrix)
        moved[:, value.view.indices()] = matrix
        matrix, value = moved, _in_order(b, node, value)
    module = nn.Linear(matrix.shape[1], len(matrix), bias is not None, device="meta")
    source = value.tensor if value.view.identity else b.plain(node, node.args[0])
    layer = b.layer(node, with_weights(module, matrix, bias))
    b.becomes(node, b.step(node, "linear", [source], (len(matrix),), {}, layer))


def _in_order(b: Builder, node: fx.Node, value: Value) -> Value:
    """The tensor below, flattened as it lies."""
    size = (value.view.indices().numel(),)
    flat = b.step(node, "reshape", [value.tensor], size, {"shape": size}, suffix=".flat")
    return Value(flat, whole(size))


def _on_channels(b: Builder, node: fx.Node, value: Value, matrix: torch.Tensor, bias: torch.Tensor | None) -> None:
    conv = nn.Conv2d(matrix.shape[1], len(matrix), 1, bias=bias is not None, device="meta")
    layer = b.layer(node, with_weights(conv, matrix[:, :, None, None], bias))
    base = (len(matrix), *value.view.base[1:])
    b.becomes(node, b.step(node, "conv2d", [value.tensor], base, {}, layer), value.view.over(base))


def conv_transpose2d(b: Builder, node: fx.Node) -> None:
    """A convolution that makes the `stride * stride` phases of the result as channels, which then become pixels.

    Phase a of a transposed convolution reads the taps a, a + stride, … of the kernel (Shi et al., 2016,
    arXiv:1609.07009): its weights are an ordinary convolution's, quantized per channel and refined as such.
    """
    defaults = (None, None, None, [1, 1], [0, 0], [0, 0], 1, [1, 1])
    _, stored, bias, stride, padding, more, groups, dilation = arguments(node, defaults)
    kernel, (s, other) = b.layers.stored(stored), pair(stride)
    channels, depthwise = kernel.shape[0], groups == kernel.shape[0] > 1 and kernel.shape[1] == 1
    if s != other or pair(dilation) != [1, 1] or (groups > 1 and not depthwise):
        refuse(node, f"A transposed convolution of strides {pair(stride)}, dilation {dilation}, {groups} groups",
               "one of equal strides, undilated, with 1 group or depthwise is")  # fmt: skip
    taps = [-(-(k + max(m - p, 0)) // s) for k, p, m in zip(kernel.shape[2:], pair(padding), pair(more))]
    weight = _phases(kernel, taps, s, depthwise)
    offset = b.layers.tensor(bias)
    outputs = kernel.shape[1] * groups
    biases = None if offset is None else offset.repeat(s * s)
    if biases is not None and depthwise:
        biases = offset.repeat_interleave(s * s)  # type: ignore[union-attr]
    size: Any = (taps[0], taps[1])
    around: Any = (taps[0] - 1, taps[1] - 1)
    conv = nn.Conv2d(channels, len(weight), size, 1, around, 1, groups, offset is not None, device="meta")
    source = b.plain(node, node.args[0])
    layer = b.layer(node, with_weights(conv, weight, biases))
    high, wide = (n + t - 1 for n, t in zip(b.shapes[source][1:], taps))
    made = b.step(node, "conv2d", [source], (len(weight), high, wide),
                  {"depthwise": True} if depthwise else {}, layer, ".phases")  # fmt: skip
    if depthwise and s > 1:
        made = b.step(node, "shuffle", [made], b.shapes[made], {"groups": channels}, suffix=".order")
    _pixels(b, node, made, s, (outputs, high, wide), pair(padding))


def _phases(kernel: torch.Tensor, taps: list[int], s: int, depthwise: bool) -> torch.Tensor:
    """(I, O, kh, kw) to (s * s * O, I, taps…), the taps reversed; depthwise: (I * s * s, 1, taps…)."""
    i, o = kernel.shape[:2]
    padded = kernel.new_zeros(i, o, taps[0] * s, taps[1] * s)
    padded[:, :, : kernel.shape[2], : kernel.shape[3]] = kernel
    apart = padded.view(i, o, taps[0], s, taps[1], s).flip(2, 4)  # i, o, th, a, tw, c
    order = (0, 3, 5, 1, 2, 4) if depthwise else (3, 5, 1, 0, 2, 4)
    return apart.permute(order).reshape(-1, 1 if depthwise else i, *taps)


def _pixels(b: Builder, node: fx.Node, made: str, s: int, low: Shape, padding: list[int]) -> None:
    """Phases to pixels, and the border that the padding cuts off."""
    full, size = (low[0], low[1] * s, low[2] * s), shape(node)
    if s > 1:
        suffix = "" if full == size else ".pixels"
        made = b.step(node, "depth_to_space", [made], full, {"block": s}, suffix=suffix)
    if full != size:
        begin = (0, *padding)
        end = (size[0], size[1] + padding[0], size[2] + padding[1])
        made = b.step(node, "slice", [made], size, {"begin": begin, "end": end, "step": (1, 1, 1)})
    b.becomes(node, made)


def batch_norm(b: Builder, node: fx.Node) -> None:
    if node.args[3] is None:
        refuse(node, "A BatchNorm without running statistics", "track_running_stats=True is")
    if node.args[5]:
        refuse(node, "A BatchNorm that stays in training mode", "one that eval() switches to its statistics is")
    weight, bias = (b.layers.tensor(argument) for argument in node.args[1:3])
    mean, variance = (b.layers.stored(argument) for argument in node.args[3:5])
    epsilon: Any = node.args[7]
    gain = (torch.ones_like(mean) if weight is None else weight) / torch.sqrt(variance + epsilon)
    shift = (0 if bias is None else bias) - mean * gain
    value = b.value(node, node.args[0])
    made = b.affine(node, Value(b.plain(node, node.args[0]), value.view), gain, shift)
    b.becomes(node, made.tensor)


def layer_norm(b: Builder, node: fx.Node) -> None:
    """Over the channels of each pixel, as ConvNeXt has it: `(x - mean) / sqrt(var + eps) * weight + bias`.

    Mean, difference, square, mean, 1/sqrt and product are rows of the op table, each with its own parameters.
    """
    _, normalized, weight, bias, epsilon, *_ = arguments(node, (None, None, None, None, 1e-5))
    value = b.value(node, node.args[0])
    view = value.view
    if len(normalized) != 1 or len(view.base) != 3 or view.axis(len(view.dims) - 1) != 0:
        refuse(node, f"{name_of(node)} over {list(normalized)}", "one over the channels of an image (N, H, W, C) is")
    size = view.base
    made = _normalized(b, node, value.tensor, size, float(epsilon))
    if weight is not None or bias is not None:
        gain = b.layers.full(size[0], 1) if weight is None else b.layers.stored(weight)
        shift = b.layers.full(size[0], 0) if bias is None else b.layers.stored(bias)
        made = b.affine(node, Value(made, View(size, view.dims)), gain, shift, free=False).tensor
    b.becomes(node, made, view)


def _normalized(b: Builder, node: fx.Node, x: str, size: Shape, epsilon: float) -> str:
    one = (1, *size[1:])
    mean = b.step(node, "channel_mean", [x], one, suffix=".mean")
    apart = b.step(node, "sub", [x, mean], size, suffix=".centred")
    square = b.step(node, "mul", [apart, apart], size, suffix=".square")
    variance = b.step(node, "channel_mean", [square], one, suffix=".variance")
    view = Value(variance, View(one, ((),)))
    above = b.affine(node, view, b.layers.full(1, 1), b.layers.full(1, epsilon), ".epsilon", free=False).tensor
    inverse = b.step(node, "rsqrt", [above], one, suffix=".inverse")
    return b.step(node, "mul", [apart, inverse], size, suffix=".normal")
