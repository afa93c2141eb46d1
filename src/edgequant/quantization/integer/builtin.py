"""LiteRT's builtin kernels: what runs where XNNPACK does not (16-bit activations, 4-bit convolutions, pooling).

Fixed-point multipliers of 31 bits (15 for int16 products). Each function names the kernel that it
mirrors (tensorflow/lite/kernels, at the version that LiteRT carries, on x86: elsewhere the optimized
kernels may round otherwise).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ...core.interfaces import Array
from ...core.records import QParams
from ...graph.program import Step
from .arithmetic import Arithmetic, Operands, Product
from .builtin_tables import sigmoid, softmax
from .fixed_point import (
    Multiplier,
    Rescale,
    double_rounding,
    quantize_multiplier,
    reduced_multiplier,
    round_away,
    ruy_rounding,
    single_rounding,
)

f32 = np.float32


def requantize(accumulator: torch.Tensor, product: Product, out: QParams) -> torch.Tensor:
    """ConvPerChannel, DepthwiseConvPerChannel, FullyConnected: multipliers from `s_in * s_w[c] / s_out` in float64.

    int16 convolutions take the reference kernels' 15-bit multipliers; int8 layers are ruy's matrix products.
    """
    multiplier = quantize_multiplier(_real_multiplier(product, out))
    shaped = multiplier.shaped((1, -1, *[1] * (accumulator.dim() - 2)))
    low, high = bounds(product.step, out)
    return _rescale_of(product)(accumulator.to(torch.int64), shaped).clamp_(low, high).float()


def _real_multiplier(product: Product, out: QParams) -> Array:
    """(O,) float64. A linear layer with one scale multiplies the two scales in float32 first."""
    scales = product.scale.cpu().numpy().astype(np.float64)
    if product.step.kind == "linear" and not product.per_channel:
        joint = product.scale.cpu().numpy() * f32(product.source.scale)
        return joint.astype(np.float64) / float(f32(out.scale))
    return scales * float(f32(product.source.scale)) / float(f32(out.scale))


def _rescale_of(product: Product) -> Rescale:
    layer = product.layer
    if product.source.bits > 8:
        return single_rounding if isinstance(layer, nn.Linear) else reduced_multiplier
    if isinstance(layer, nn.Linear) or layer.groups == 1:
        return ruy_rounding
    return _depthwise if layer.groups == layer.in_channels else double_rounding


def _depthwise(accumulator: torch.Tensor, multiplier: Multiplier) -> torch.Tensor:
    """DepthwiseConvGeneral (optimized/integer_ops/depthwise_conv.h)."""
    return _by_blocks(8, accumulator, multiplier)


def _by_blocks(width: int, x: torch.Tensor, multiplier: Multiplier) -> torch.Tensor:
    """Kernels that take `width` channels at a time send their ties upwards, and those of the rest away from zero."""
    whole = torch.arange(x.shape[1], device=x.device).view(1, -1, 1, 1) < x.shape[1] // width * width
    return torch.where(whole, ruy_rounding(x, multiplier), double_rounding(x, multiplier))


def to_grid(value: torch.Tensor, out: QParams) -> torch.Tensor:
    """AffineQuantize (reference/quantize.h): division, ties away from zero."""
    return round_away(value / float(f32(out.scale))).float()


def bounds(step: Step, out: QParams, activation: str | None = None) -> tuple[int, int]:
    """CalculateActivationRangeQuantized, centred; int16 outputs use -32768 too."""
    name = step.activation if activation is None else activation
    low, high = (-32768 if out.bits == 16 else out.low) - out.zero_point, out.high - out.zero_point
    if name == "relu6":
        high = min(high, int(round_away(torch.tensor(f32(6) / f32(out.scale)))))
    return (max(low, 0) if name else low), high


def add(o: Operands) -> torch.Tensor:
    """AddElementwise (integer_ops/add.h): both inputs to twice the larger scale, the sum to the output's.

    Its int16 form (AVX2) rounds the inputs once.
    """
    left, rescale = (15, single_rounding) if o.out.bits > 8 else (20, double_rounding)
    scales = [float(f32(p.scale)) for p in o.params]
    twice = 2 * max(scales)
    scaled = [
        rescale(v.to(torch.int64) << left, quantize_multiplier(np.asarray(s / twice))) for v, s in zip(o.values, scales)
    ]
    multiplier = quantize_multiplier(np.asarray(twice / (float(1 << left) * float(f32(o.out.scale)))))
    return double_rounding(scaled[0] + scaled[1], multiplier).clamp_(*bounds(o.step, o.out)).float()


def mul(o: Operands) -> torch.Tensor:
    """Mul (integer_ops/mul.h): the scales are combined in float32."""
    real = f32(f32(o.params[0].scale) * f32(o.params[1].scale)) / f32(o.out.scale)
    product = o.values[0].to(torch.int64) * o.values[1].to(torch.int64)
    return double_rounding(product, quantize_multiplier(np.asarray(real))).clamp_(*bounds(o.step, o.out)).float()


def mean(o: Operands) -> torch.Tensor:
    """QuantizedMeanOrSum (reference/reduce.h); int8 with kept dimensions: optimized_integer_ops::Mean."""
    total = o.values[0].to(torch.float64).sum((2, 3), keepdim=o.step.attrs["keepdim"]).to(torch.int64)
    if o.out.bits <= 8 and o.step.attrs["keepdim"]:
        return _optimized_mean(o, total)
    n = o.values[0].shape[2] * o.values[0].shape[3]
    real = float(f32(o.params[0].scale)) / float(f32(o.out.scale))
    return (
        double_rounding(total, _divided(quantize_multiplier(np.asarray(real)), n))
        .clamp_(*bounds(o.step, o.out))
        .float()
    )


def _divided(m: Multiplier, n: int) -> Multiplier:
    """The multiplier by `1/n`, folded in with as many bits as `n` has (reduce.h)."""
    shift = min(n.bit_length() - 1, 32, 31 + int(m.shift))
    return Multiplier((m.q << shift) // n, m.shift - shift)


def _optimized_mean(o: Operands, total: torch.Tensor) -> torch.Tensor:
    """Sums the integers as they are; the zero point's share is a bias of its own, rounded by itself."""
    n = o.values[0].shape[2] * o.values[0].shape[3]
    source, scale = o.params[0], f32(o.out.scale)
    share = f32(f32(source.zero_point) * f32(source.scale)) / scale
    bias = -int(float(share + f32(0.5)) if share > 0 else float(share - f32(0.5)))
    real = float(f32(source.scale)) / float(f32(n) * scale)
    sums, multiplier = total + n * source.zero_point, quantize_multiplier(np.asarray(real))
    return (_by_blocks(16, sums, multiplier) + bias).clamp_(*bounds(o.step, o.out)).float()


def max_pool2d(o: Operands) -> torch.Tensor:
    """MaxPool (integer_ops/pooling.h)."""
    a = o.step.attrs
    return F.max_pool2d(o.values[0], a["kernel"], a["stride"], a["padding"])


def avg_pool2d(o: Operands) -> torch.Tensor:
    """AveragePool (integer_ops/pooling.h): of the integers as they are, not centred; ties away from zero."""
    a, zero_point = o.step.attrs, o.params[0].zero_point
    window = (a["kernel"], a["stride"], a["padding"])
    plain = (o.values[0] + zero_point).double()
    area = int(np.prod(a["kernel"]))
    total = torch.round(F.avg_pool2d(plain, *window, count_include_pad=True, divisor_override=area) * area)
    count = torch.round(F.avg_pool2d(torch.ones_like(plain[:1, :1]), *window, divisor_override=area) * area)
    mean = torch.where(total > 0, torch.floor((total + count // 2) / count), torch.ceil((total - count // 2) / count))
    return (mean - zero_point).float()


def pad(o: Operands) -> torch.Tensor:
    """Pad, with the zero point."""
    return F.pad(o.values[0], o.step.attrs["padding"])


def reshape(o: Operands) -> torch.Tensor:
    return o.values[0].reshape(o.values[0].shape[0], *o.step.attrs["shape"])


def cat(o: Operands) -> torch.Tensor:
    """Concatenation of equal grids."""
    return torch.cat(o.values, 1)


def relu(o: Operands) -> torch.Tensor:
    """QuantizedReluX (kernels/activations.cc)."""
    multiplier = quantize_multiplier(np.asarray(f32(o.params[0].scale) / f32(o.out.scale)))
    rescaled = double_rounding(o.values[0].to(torch.int64), multiplier)
    return rescaled.clamp_(*bounds(o.step, o.out, o.step.kind)).float()


BUILTIN_OPS = {
    "add": add,
    "avg_pool2d": avg_pool2d,
    "cat": cat,
    "max_pool2d": max_pool2d,
    "mean": mean,
    "mul": mul,
    "pad": pad,
    "relu": relu,
    "relu6": relu,
    "reshape": reshape,
    "sigmoid": sigmoid,
    "softmax": softmax,
}
BUILTIN = Arithmetic("builtin", requantize, to_grid, BUILTIN_OPS)
