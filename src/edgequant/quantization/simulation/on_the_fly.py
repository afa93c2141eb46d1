"""How the runtimes quantize a float tensor while a network runs, and scale the product back.

Each rule gives integers less their zero point, as the executor holds them, and the scale of each image, or of each
pixel. A range always includes 0, so a tensor of zeros, or the zeros of a padding, are zeros here too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from .fixed_point import round_away

Axes = tuple[int, ...]  # over which a range is taken
Quantized = tuple[torch.Tensor, torch.Tensor]  # (N, ...) centred integers, and scales that broadcast; float32


@dataclass(frozen=True)
class OnTheFly:
    """`convolution` and `linear` quantize what such a layer reads.

    `scaled(sums, scale, weight scale, bias)` is the real result; all but `sums` broadcast against it.
    """

    convolution: Callable[[torch.Tensor, Axes], Quantized]
    linear: Callable[[torch.Tensor, Axes], Quantized]
    scaled: Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
    by_pixel: bool = False  # what a 1x1 convolution reads has a range for each pixel: it runs as a linear layer


def _bounds(x: torch.Tensor, axes: Axes) -> Quantized:
    """The least and the largest value over `axes`, 0 among them."""
    return x.amin(axes, keepdim=True).clamp_(max=0), x.amax(axes, keepdim=True).clamp_(min=0)


def qd8(x: torch.Tensor, axes: Axes) -> Quantized:
    """XNNPACK, f32-qd8 convert (xnn_f32_qd8_asymmetric_quantization_params, f32-qs8-vcvt): int8, in float32."""
    low, high = _bounds(x, axes)
    inverse = torch.where(low == high, torch.ones_like(low), 255 / (high - low))
    from_low, from_high = -128 - low * inverse, 127 - high * inverse
    first = (-128 + low * inverse) + (127 + high * inverse) > 0
    zero_point = torch.where(first, from_low, from_high).clamp_(-128, 127).round_()
    scale = 1 / inverse
    steps = torch.maximum(torch.minimum(x * (1 / scale), 127 - zero_point), -128 - zero_point)
    return steps.round_(), scale


def asymmetric_int8(x: torch.Tensor, axes: Axes) -> Quantized:
    """LiteRT's AsymmetricQuantizeFloats (portable_tensor_utils.cc): parameters in float64, ties away from zero."""
    low, high = (bound.double() for bound in _bounds(x, axes))
    still = low == high
    scale = torch.where(still, torch.ones_like(low), (high - low) / 255)
    nearer_low = 128 + (low / scale).abs() < 127 + (high / scale).abs()
    exact = torch.where(nearer_low, -128 - low / scale, 127 - high / scale).clamp_(-128, 127)
    zero_point = torch.where(still, torch.zeros_like(exact), round_away(exact)).float()
    steps = round_away(zero_point + x * (1 / scale.float())).float().clamp_(-128, 127)
    return steps.sub_(zero_point), scale.float()


def symmetric_int8(x: torch.Tensor, axes: Axes) -> Quantized:
    """LiteRT's SymmetricQuantizeFloats: what its builtin FULLY_CONNECTED does."""
    low, high = _bounds(x, axes)
    reach = torch.maximum(-low, high)
    still = reach == 0
    inverse = torch.where(still, torch.zeros_like(reach), 127 / reach)
    steps = round_away(x * inverse).float().clamp_(-127, 127)
    return steps, torch.where(still, torch.ones_like(reach), reach / 127)


def dynamic_quantize_linear(x: torch.Tensor, axes: Axes) -> Quantized:
    """ONNX Runtime's DynamicQuantizeLinear (core/util/qmath.h): uint8, in float32, ties to even."""
    low, high = _bounds(x, axes)
    scale = torch.where(low == high, torch.ones_like(low), (high - low) / 255)
    zero_point = (-low / scale).clamp_(0, 255).round_()
    return (torch.round(x / scale) + zero_point).clamp_(0, 255).sub_(zero_point), scale


def fused(sums: torch.Tensor, scale: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """XNNPACK's qd8-f32-qc8w: a product with the input's scale, then a fused multiply-add; float64 rounds it once."""
    return ((sums.float() * scale).double() * weight.double() + bias.double()).float()


def in_turn(sums: torch.Tensor, scale: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """The two scales first, then the sum, then the bias, each rounded to float32."""
    return sums.float() * (scale * weight) + bias


XNNPACK_DYNAMIC = OnTheFly(qd8, qd8, fused, by_pixel=True)
BUILTIN_DYNAMIC = OnTheFly(asymmetric_int8, symmetric_int8, in_turn)
ONNXRUNTIME_DYNAMIC = OnTheFly(dynamic_quantize_linear, dynamic_quantize_linear, in_turn)
