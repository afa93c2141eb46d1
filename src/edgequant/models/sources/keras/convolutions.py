"""Keras layers with kernels: their weights in PyTorch's layout, and TensorFlow's SAME padding made explicit."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .activations import behind
from .modules import with_tensors
from .site import KerasCall, Parts, pair, tensor

Sides = tuple[int, int, int, int]  # left, right, top, bottom


def conv2d(site: KerasCall) -> Parts:
    """Kernel (h, w, in / groups, out)."""
    layer = site.layer
    parts = _convolution(site, tensor(layer.kernel).permute(3, 2, 0, 1), tensor(layer.bias), site.get("groups"))
    return behind(site, parts)


def depthwise(site: KerasCall) -> Parts:
    layer = site.layer
    parts = _convolution(site, _depthwise_kernel(layer.kernel), tensor(layer.bias), site.channels)
    return behind(site, parts)


def separable(site: KerasCall) -> Parts:
    layer = site.layer
    *pad, (_, first) = _convolution(site, _depthwise_kernel(layer.depthwise_kernel), None, site.channels)
    point = conv_module(tensor(layer.pointwise_kernel).permute(3, 2, 0, 1), tensor(layer.bias))
    return behind(site, [*pad, (".depthwise", first), (".pointwise", point)])


def _depthwise_kernel(variable: Any) -> torch.Tensor:
    """(h, w, in, multiplier) -> (in * multiplier, 1, h, w)."""
    kernel: torch.Tensor = tensor(variable)
    h, w, channels, multiplier = kernel.shape
    return kernel.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, h, w)


def _convolution(site: KerasCall, kernel: torch.Tensor, bias: torch.Tensor | None, groups: int) -> Parts:
    stride, dilation = pair(site.get("strides")), pair(site.get("dilation_rate"))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel.shape[2:], dilation)]
    left, right, top, bottom = same_padding(site, reach, stride) if site.get("padding") == "same" else (0, 0, 0, 0)
    if (left, top) == (right, bottom):
        return [("", conv_module(kernel, bias, stride, (top, left), dilation, groups))]
    conv = conv_module(kernel, bias, stride, (0, 0), dilation, groups)
    return [("_padding", nn.ZeroPad2d((left, right, top, bottom))), ("", conv)]


def conv_module(
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> nn.Module:
    outputs, per_group, *size = kernel.shape
    ways: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    h, w = size
    conv = nn.Conv2d(per_group * groups, outputs, (h, w), bias=bias is not None, device="meta", **ways)
    return with_tensors(conv, kernel, bias)  # type: ignore[no-any-return]


def same_padding(site: KerasCall, reach: list[int], stride: tuple[int, int]) -> Sides:
    """TensorFlow's SAME: `(ceil(n / s) - 1) * s + k - n` in all, the odd row or column behind."""
    totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(site.inputs[0][1:], reach, stride)]
    (top, left), (bottom, right) = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return left, right, top, bottom


def conv2d_transpose(site: KerasCall) -> Parts:
    """Kernel (h, w, out, in). SAME makes the image `s` times as large: `k - s` rows and columns fall off the edges."""
    layer, kernel = site.layer, tensor(site.layer.kernel)
    stride, size = pair(site.get("strides")), tuple(kernel.shape[:2])
    same = site.get("padding") == "same"
    cut = [max(k - s, 0) if same else 0 for k, s in zip(size, stride)]
    if any(c % 2 for c in cut) or pair(site.get("dilation_rate")) != (1, 1) or site.get("output_padding") is not None:
        site.refuse("has uneven SAME padding, dilation or output_padding", "a kernel larger than its stride by 0, 2 …")
    extra = tuple(max(s - k, 0) for k, s in zip(size, stride))
    ways: Any = {"stride": stride, "padding": tuple(c // 2 for c in cut), "output_padding": extra}
    made = nn.ConvTranspose2d(
        kernel.shape[3], kernel.shape[2], size, bias=layer.bias is not None, device="meta", **ways
    )
    return behind(site, [("", with_tensors(made, kernel.permute(3, 2, 0, 1), tensor(layer.bias)))])


def dense(site: KerasCall) -> Parts:
    """On an image, a 1x1 convolution; behind Flatten, its columns in the order that the vector has here."""
    layer = site.layer
    matrix, bias = tensor(layer.kernel).T, tensor(layer.bias)
    if site.image and not site.channels_last:
        site.refuse("is dense over the width of a channels_first image", "one on vectors, or a channels_last model")
    if site.image:
        return behind(site, [("", conv_module(matrix[:, :, None, None], bias))])
    if site.flat is not None:
        c, h, w = site.flat
        matrix = matrix.reshape(-1, h, w, c).permute(0, 3, 1, 2).reshape(matrix.shape)
    linear = nn.Linear(matrix.shape[1], matrix.shape[0], bias is not None, device="meta")
    return behind(site, [("", with_tensors(linear, matrix, bias))])
