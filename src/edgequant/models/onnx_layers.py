"""ONNX operators with weights as PyTorch layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .keras_modules import with_tensors
from .onnx_site import Run, Site

Layer = Callable[[Site], Run]


def _conv(site: Site) -> Run:
    """Weights (out, in / groups, h, w). Uneven pads are a padding before the layer."""
    weight, bias = site.weight(1), site.weight(2)
    if weight is None or weight.dim() != 4:
        site.refuse("is no 2-D convolution", "one on images")
    assert weight is not None
    outputs, per_group, *size = weight.shape
    groups = int(site.get("group", 1))
    stride, dilation = pair(site.get("strides", [1, 1])), pair(site.get("dilations", [1, 1]))
    sides = padding(site, size, stride, dilation)
    even = sides is not None and sides[0] == sides[1] and sides[2] == sides[3]
    own = (sides[2], sides[0]) if even and sides is not None else (0, 0)
    ways: Any = {"stride": stride, "padding": own, "dilation": dilation, "groups": groups, "bias": bias is not None}
    made = nn.Conv2d(per_group * groups, outputs, (size[0], size[1]), device="meta", **ways)
    conv = site.add(with_tensors(made, weight, bias))
    if even:
        return lambda x, *_: conv(x)
    return lambda x, *_: conv(F.pad(x, sides or same(site, x, size, stride, dilation)))


def _conv_transpose(site: Site) -> Run:
    weight, bias = site.weight(1), site.weight(2)
    given = site.get("auto_pad", "NOTSET") != "NOTSET" or site.get("output_shape", [])
    if weight is None or weight.dim() != 4 or given:
        site.refuse("has auto_pad or output_shape", "a 2-D transposed convolution with pads")
    assert weight is not None
    inputs, per_group, *size = weight.shape
    top, left, bottom, right = site.get("pads", [0, 0, 0, 0])
    if (top, left) != (bottom, right):
        site.refuse("pads its two sides by different amounts", "an even padding")
    groups, stride = int(site.get("group", 1)), pair(site.get("strides", [1, 1]))
    extra, dilation = pair(site.get("output_padding", [0, 0])), pair(site.get("dilations", [1, 1]))
    ways: Any = {"stride": stride, "padding": (top, left), "output_padding": extra, "dilation": dilation}
    ways |= {"groups": groups, "bias": bias is not None}
    made = nn.ConvTranspose2d(inputs, per_group * groups, (size[0], size[1]), device="meta", **ways)
    layer = site.add(with_tensors(made, weight, bias))
    return lambda x, *_: layer(x)


def _gemm(site: Site) -> Run:
    """`alpha * A @ B + beta * C`, A the vectors and B the stored matrix."""
    matrix, bias = site.weight(1), site.weight(2)
    if matrix is None or site.get("transA", 0):
        site.refuse("multiplies by no stored matrix", "a linear layer")
    assert matrix is not None
    weight = site.get("alpha", 1.0) * (matrix if site.get("transB", 0) else matrix.T)
    bias = None if bias is None else site.get("beta", 1.0) * bias.reshape(-1).expand(len(weight))
    return _linear(site, weight, bias)


def _matmul(site: Site) -> Run:
    matrix = site.weight(1)
    if matrix is None or matrix.dim() != 2:
        site.refuse("multiplies by no stored matrix", "a linear layer")
    assert matrix is not None
    return _linear(site, matrix.T, None)


def _linear(site: Site, weight: torch.Tensor, bias: torch.Tensor | None) -> Run:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    layer = site.add(with_tensors(linear, weight, bias))
    return lambda x, *_: layer(x)


def _batch_norm(site: Site) -> Run:
    scale, shift, mean, variance = (site.weight(i) for i in range(1, 5))
    assert scale is not None and shift is not None and mean is not None and variance is not None
    norm = nn.BatchNorm2d(len(scale), site.get("epsilon", 1e-5))
    targets = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    for target, value in zip(targets, (scale, shift, mean, variance)):
        target.data.copy_(value)  # type: ignore[union-attr]
    layer = site.add(norm)
    return lambda x, *_: layer(x)


def _prelu(site: Site) -> Run:
    slope = site.weight(1)
    assert slope is not None
    layer = nn.PReLU(slope.numel())
    layer.weight.data.copy_(slope.reshape(-1))
    site.add(layer)
    return lambda x, *_: layer(x)


def _layer_norm(site: Site) -> Run:
    weight, bias = site.weight(1), site.weight(2)
    assert weight is not None
    if site.get("axis", -1) not in (-1,):
        site.refuse(f"works along axis {site.get('axis', -1)}", "the last one")
    layer = nn.LayerNorm(tuple(weight.shape), site.get("epsilon", 1e-5))
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(torch.zeros_like(weight) if bias is None else bias)
    site.add(layer)
    return lambda x, *_: layer(x)


def padding(
    site: Site, size: list[int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int, int, int] | None:
    """(left, right, top, bottom); None where it follows the size of the image (auto_pad SAME)."""
    mode = site.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER") and (max(stride) > 1 or mode == "SAME_LOWER"):
        return None
    if mode == "SAME_UPPER":
        totals = [(k - 1) * d for k, d in zip(size, dilation)]
        return totals[1] // 2, totals[1] - totals[1] // 2, totals[0] // 2, totals[0] - totals[0] // 2
    top, left, bottom, right = site.get("pads", [0, 0, 0, 0]) if mode == "NOTSET" else [0, 0, 0, 0]
    return int(left), int(right), int(top), int(bottom)


def same(site: Site, x: torch.Tensor, size: list[int], stride: tuple[int, int], dilation: tuple[int, int]) -> list[int]:
    """`(ceil(n / s) - 1) * s + k - n` in all, the odd one behind (UPPER) or before: left, right, top, bottom."""
    sides: list[int] = []
    for n, k, s, d in list(zip(x.shape[2:], size, stride, dilation))[::-1]:
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        small, large = total // 2, total - total // 2
        sides += [small, large] if site.get("auto_pad", "") == "SAME_UPPER" else [large, small]
    return sides


def pair(given: Any) -> tuple[int, int]:
    values = [int(v) for v in given]
    return values[0], values[-1]


LAYERS: dict[str, Layer] = {
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "PRelu": _prelu,
}
