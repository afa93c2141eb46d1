"""ONNX operators with weights as PyTorch layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..keras.modules import with_tensors
from .site import Compute, OnnxNode
from .windows import Pair, pads, pair

Layer = Callable[[OnnxNode], Compute]


def _conv(site: OnnxNode) -> Compute:
    """Weights (out, in / groups, h, w). Uneven pads are a padding before the layer."""
    weight, bias = _kernel(site), site.weight(2)
    outputs, per_group, *size = weight.shape
    groups, stride, dilation = int(site.get("group")), pair(site, "strides"), pair(site, "dilations")
    extent = ((size[0] - 1) * dilation[0] + 1, (size[1] - 1) * dilation[1] + 1)
    fixed = site.get("auto_pad") in ("NOTSET", "VALID") or (
        site.get("auto_pad") == "SAME_UPPER" and stride == (1, 1)
    )  # pads that do not follow the size of the image
    around = pads(site, (extent[0], extent[1]), extent, stride) if fixed else None
    even = around is not None and around[0] == around[1] and around[2] == around[3]
    own = (around[2], around[0]) if even and around is not None else (0, 0)
    ways: Any = {"stride": stride, "padding": own, "dilation": dilation, "groups": groups, "bias": bias is not None}
    made = nn.Conv2d(per_group * groups, outputs, (size[0], size[1]), device="meta", **ways)
    conv = site.add(with_tensors(made, weight, bias))
    if even:
        return lambda x, *_: conv(_image(site, x))
    return lambda x, *_: conv(F.pad(x, pads(site, _image(site, x).shape[2:], extent, stride)))


def _kernel(site: OnnxNode) -> torch.Tensor:
    weight = site.weight(1)
    if weight is None or weight.dim() != 4:
        site.refuse("is no 2-D convolution", "one on images")
    stated = site.get("kernel_shape")
    if stated is not None and list(stated) != list(weight.shape[2:]):
        site.refuse(f"states a kernel of {stated} and stores {list(weight.shape[2:])}", "the stored one")
    return weight


def _image(site: OnnxNode, x: torch.Tensor) -> torch.Tensor:
    return x if x.dim() == 4 else site.refuse(f"takes {x.dim()} dimensions", "an image (N, C, H, W)")


def _conv_transpose(site: OnnxNode) -> Compute:
    """Uneven pads are cut off behind the layer."""
    weight, bias = _kernel(site), site.weight(2)
    if site.get("auto_pad") not in ("NOTSET", "VALID"):
        site.refuse(f"has auto_pad = {site.get('auto_pad')}", "a transposed convolution with pads")
    inputs, per_group, *size = weight.shape
    left, right, top, bottom = pads(site, (1, 1), (1, 1), (1, 1))
    even = (left, top) == (right, bottom)
    groups, stride, dilation = int(site.get("group")), pair(site, "strides"), pair(site, "dilations")
    extra = _extra(site, stride, dilation)
    ways: Any = {"stride": stride, "padding": (top, left) if even else 0, "output_padding": extra}
    ways |= {"dilation": dilation, "groups": groups, "bias": bias is not None}
    made = nn.ConvTranspose2d(inputs, per_group * groups, (size[0], size[1]), device="meta", **ways)
    layer = site.add(with_tensors(made, weight, bias))
    if even:
        return lambda x, *_: layer(_image(site, x))

    def cut(x: torch.Tensor, *_: Any) -> torch.Tensor:
        whole = layer(_image(site, x))
        return whole[:, :, top : whole.shape[2] - bottom, left : whole.shape[3] - right]  # type: ignore[no-any-return]

    return cut


def _extra(site: OnnxNode, stride: Pair, dilation: Pair) -> Pair:
    found = site.get("output_padding") or [0, 0]
    if len(found) != 2 or any(not 0 <= e < max(s, d) for e, s, d in zip(found, stride, dilation)):
        site.refuse(f"has output_padding = {found}", "less than the stride or the dilation")
    return int(found[0]), int(found[1])


def _gemm(site: OnnxNode) -> Compute:
    """`alpha * A @ B + beta * C`, A the vectors and B the stored matrix."""
    matrix, bias = site.weight(1), site.weight(2)
    if matrix is None or matrix.dim() != 2:
        site.refuse("multiplies by no stored matrix", "a linear layer")
    weight = site.get("alpha") * (matrix if site.get("transB") else matrix.T)
    if bias is not None:
        if bias.numel() not in (1, len(weight)) or (bias.dim() == 2 and bias.shape[0] != 1):
            site.refuse(f"adds {tuple(bias.shape)}", "one number for each of its outputs")
        bias = site.get("beta") * bias.reshape(-1).expand(len(weight))
    run = _linear(site, weight, bias)
    return lambda x, *_: run(x) if x.dim() == 2 else site.refuse(f"takes {x.dim()} dimensions", "vectors (N, C)")


def _matmul(site: OnnxNode) -> Compute:
    matrix = site.weight(1)
    if matrix is None or matrix.dim() != 2:
        site.refuse("multiplies by no stored matrix", "a linear layer")
    return _linear(site, matrix.T, None)


def _linear(site: OnnxNode, weight: torch.Tensor, bias: torch.Tensor | None) -> Compute:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    layer = site.add(with_tensors(linear, weight, bias))
    return lambda x, *_: layer(x)


class _BatchNorm(nn.BatchNorm2d):
    """Of any number of dimensions, the channels second."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Nothing to check: PyTorch's function takes any rank."""


def _batch_norm(site: OnnxNode) -> Compute:
    values = [site.weight(i) for i in range(1, 5)]
    norm = _BatchNorm(len(values[0]) if values[0] is not None else 0, site.get("epsilon"))
    targets = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    for target, value in zip(targets, values):
        if value is None or target is None or value.shape != target.shape:
            site.refuse("normalizes by values that are not one a channel", "scale, shift, mean and variance (C,)")
        target.data.copy_(value)
    layer = site.add(norm.eval())
    return lambda x, *_: layer(x)


def _prelu(site: OnnxNode) -> Compute:
    """A slope for all, or one a channel, is a layer; any other is spread over the image as ONNX says."""
    slope = site.weight(1)
    if slope is None:
        site.refuse("has no slope", "a stored one")
    layer = nn.PReLU(slope.numel())
    layer.weight.data.copy_(slope.reshape(-1))
    site.add(layer)

    def run(x: torch.Tensor, *_: Any) -> torch.Tensor:
        if slope.dim() > x.dim():
            site.refuse(f"spreads {x.dim()} dimensions over a slope of {slope.dim()}", "a slope of no more")
        along = (1,) * (x.dim() - slope.dim()) + tuple(slope.shape)
        if all(size == 1 for axis, size in enumerate(along) if axis != 1) and (slope.numel() == 1 or x.dim() > 1):
            return layer(x)  # type: ignore[no-any-return]
        return torch.relu(x) - torch.relu(-x) * slope

    return run


def _layer_norm(site: OnnxNode) -> Compute:
    weight, bias = site.weight(1), site.weight(2)
    if weight is None or (bias is not None and bias.shape != weight.shape):
        site.refuse("has a bias of another shape than its scale", "one shape")
    layer = nn.LayerNorm(tuple(weight.shape), site.get("epsilon"))
    layer.weight.data.copy_(weight)
    layer.bias.data.copy_(torch.zeros_like(weight) if bias is None else bias)
    site.add(layer)

    def run(x: torch.Tensor, *_: Any) -> torch.Tensor:
        axis = site.get("axis") % x.dim()
        if tuple(x.shape[axis:]) != tuple(weight.shape):
            site.refuse(f"normalizes {tuple(x.shape[axis:])} with a scale of {tuple(weight.shape)}", "one shape")
        return layer(x)  # type: ignore[no-any-return]

    return run


LAYERS: dict[str, Layer] = {
    "BatchNormalization": _batch_norm,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "LayerNormalization": _layer_norm,
    "MatMul": _matmul,
    "PRelu": _prelu,
}
