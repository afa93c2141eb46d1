"""LiteRT's builtin kernels: what runs where XNNPACK does not (16-bit activations, 4-bit convolutions, pooling).

Fixed-point multipliers of 31 bits (15 for int16 products). Each function names the kernel that it
mirrors (tensorflow/lite/kernels, at the version that LiteRT carries, on x86).

On ARM the same file gives other integers where these kernels run: ruy's matrix products round once there (SQDMULH,
then SRSHL: ruy/kernel_arm64.cc; ruy/apply_multiplier.cc says why) and twice on x86. `BUILTIN_ARM` does so. Under
emulation (QEMU's cortex-a72) it gave every output integer that the aarch64 runtime gave without its delegate, where
`BUILTIN` gave 36% and 65%: ResNet-8, 20 images, and micro_cnn with its depthwise layers, 60 images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ....core.arrays import Array
from ....core.grid import QParams
from ....graph.ops.table import kernels
from ....graph.program import Step
from ..arithmetic import Arithmetic, Operands, Product, round_half_even
from ..fixed_point import (
    Multiplier,
    Rescaling,
    double_rounding,
    doubled,
    once,
    quantize_multiplier,
    reduced,
    rescale,
    round_away,
    single_rounding,
)
from ..on_the_fly import BUILTIN_DYNAMIC

f32 = np.float32
Rescales = Callable[[Product, Multiplier], Rescaling]


def requantize(
    accumulator: torch.Tensor, product: Product, out: QParams, rescaling: Rescales | None = None
) -> torch.Tensor:
    """ConvPerChannel, DepthwiseConvPerChannel, FullyConnected: multipliers from `s_in * s_w[c] / s_out` in float64.

    int16 convolutions take the reference kernels' 15-bit multipliers; int8 layers are ruy's matrix products.
    """
    shape = (1, -1, *[1] * (accumulator.dim() - 2))
    multiplier = quantize_multiplier(_real_multiplier(product, out)).shaped(shape)
    low, high = bounds(product.step, out)
    if product.source.bits > 8 and isinstance(product.layer, nn.Linear):
        return single_rounding(accumulator.to(torch.int64), multiplier).clamp_(low, high).float()
    return rescale(accumulator, (rescaling or _rescaling)(product, multiplier), product.largest, low, high)


def _real_multiplier(product: Product, out: QParams) -> Array:
    """(O,) float64. A linear layer with one scale multiplies the two scales in float32 first."""
    scales = product.scale.cpu().numpy().astype(np.float64)
    if product.step.kind == "linear" and not product.per_channel:
        joint = product.scale.cpu().numpy() * f32(product.source.scale)
        return joint.astype(np.float64) / float(f32(out.scale))
    return scales * float(f32(product.source.scale)) / float(f32(out.scale))


def _rescaling(product: Product, multiplier: Multiplier) -> Rescaling:
    """The rounding of ruy's x86 kernels (ruy/kernel_avx512.cc) goes upwards twice; depthwise ones, by blocks of 8
    (DepthwiseConvGeneral, optimized/integer_ops/depthwise_conv.h); other grouped ones, away from zero."""
    layer = product.layer
    if product.source.bits > 8:
        return reduced(multiplier)
    if isinstance(layer, nn.Linear) or layer.groups == 1:
        return doubled(multiplier, away=False)
    return doubled(multiplier, _behind_blocks(8, layer.out_channels) if layer.groups == layer.in_channels else True)


def _on_arm(product: Product, multiplier: Multiplier) -> Rescaling:
    """ruy/kernel_arm64.cc rounds once; the other kernels are those of x86."""
    layer, wide = product.layer, product.source.bits > 8
    ruy = not wide and (isinstance(layer, nn.Linear) or layer.groups == 1)
    return once(multiplier) if ruy else _rescaling(product, multiplier)


def _behind_blocks(width: int, channels: int) -> torch.Tensor:
    """Kernels that take `width` channels at a time send their ties upwards, and those of the rest away from zero."""
    return torch.arange(channels).view(1, -1, 1, 1) >= channels // width * width


def to_grid(value: torch.Tensor, out: QParams) -> torch.Tensor:
    """AffineQuantize (reference/quantize.h): division, ties away from zero."""
    return round_away(value / float(f32(out.scale))).float()


def bounds(step: Step, out: QParams, activation: str | None = None) -> tuple[int, int]:
    """CalculateActivationRangeQuantized, centred; int16 outputs use -32768 too."""
    name = step.activation if activation is None else activation
    low, high = (-32768 if out.bits == 16 else out.low) - out.zero_point, out.high - out.zero_point
    if name == "relu6":
        high = min(high, int(round_away(torch.tensor(f32(6) / f32(out.scale)))))
    if name == "relu1":  # an operator of its own, whose constant the writer rounds
        high = min(high, round_half_even(1.0, out.scale))
    return (max(low, 0) if name else low), high


def add(o: Operands) -> torch.Tensor:
    """AddElementwise (integer_ops/add.h): both inputs to twice the larger scale, the sum to the output's.

    Its int16 form (AVX2) rounds the inputs once.
    """
    return _sum(o, 1)


def sub(o: Operands) -> torch.Tensor:
    """SubElementwise (reference/sub.h), likewise."""
    return _sum(o, -1)


def _sum(o: Operands, sign: int) -> torch.Tensor:
    left, rounding = (15, once) if o.out.bits > 8 else (20, doubled)
    scales = [float(f32(p.scale)) for p in o.params]
    twice = 2 * max(scales)
    inputs = [rounding(quantize_multiplier(np.asarray(s / twice)), left=left) for s in scales]
    total = inputs[0].in_float64(o.values[0]) + sign * inputs[1].in_float64(o.values[1])  # 47 bits at most
    multiplier = quantize_multiplier(np.asarray(twice / (float(1 << left) * float(f32(o.out.scale)))))
    return rescale(total, doubled(multiplier), 2.0**31, *bounds(o.step, o.out))


def mul(o: Operands) -> torch.Tensor:
    """Mul (integer_ops/mul.h): the scales are combined in float32."""
    real = f32(f32(o.params[0].scale) * f32(o.params[1].scale)) / f32(o.out.scale)
    product = o.values[0].double() * o.values[1].double()
    multiplier = quantize_multiplier(np.asarray(real))
    return rescale(product, doubled(multiplier), 4.0 ** o.params[0].bits, *bounds(o.step, o.out))


def mean(o: Operands) -> torch.Tensor:
    """QuantizedMeanOrSum (reference/reduce.h); int8 with kept dimensions: optimized_integer_ops::Mean."""
    total = o.values[0].sum((2, 3), keepdim=o.step.attrs["keepdim"], dtype=torch.float64).to(torch.int64)
    if o.out.bits <= 8 and o.step.attrs["keepdim"]:
        return _optimized_mean(o, total)
    return _averaged(o, total, o.values[0].shape[2] * o.values[0].shape[3])


def channel_mean(o: Operands) -> torch.Tensor:
    """QuantizedMeanOrSum (reference/reduce.h)."""
    total = o.values[0].sum(1, keepdim=True, dtype=torch.float64).to(torch.int64)
    return _averaged(o, total, o.values[0].shape[1])


def _averaged(o: Operands, total: torch.Tensor, n: int) -> torch.Tensor:
    real = quantize_multiplier(np.asarray(float(f32(o.params[0].scale)) / float(f32(o.out.scale))))
    return double_rounding(total, _divided(real, n)).clamp_(*bounds(o.step, o.out)).float()


def _divided(m: Multiplier, n: int) -> Multiplier:
    """The multiplier by `1/n`, folded in with as many bits as `n` has (reduce.h)."""
    shift = min(n.bit_length() - 1, 32, 31 + int(m.shift))
    return Multiplier((m.q << shift) // n, m.shift - shift)


def _optimized_mean(o: Operands, total: torch.Tensor) -> torch.Tensor:
    """Sums the integers as they are, 16 channels at a time; the zero point's share is a bias, rounded by itself."""
    n = o.values[0].shape[2] * o.values[0].shape[3]
    source, scale = o.params[0], f32(o.out.scale)
    share = f32(f32(source.zero_point) * f32(source.scale)) / scale
    bias = -int(float(share + f32(0.5)) if share > 0 else float(share - f32(0.5)))
    real = float(f32(source.scale)) / float(f32(n) * scale)
    by = doubled(quantize_multiplier(np.asarray(real)), _behind_blocks(16, total.shape[1]))
    return (by(total + n * source.zero_point) + bias).clamp_(*bounds(o.step, o.out)).float()


def avg_pool2d(o: Operands) -> torch.Tensor:
    """AveragePool (integer_ops/pooling.h): of the integers as they are, not centred; ties away from zero."""
    a, zero_point = o.step.attrs, o.params[0].zero_point
    window = (a["kernel"], a["stride"], a["padding"])
    plain = (o.values[0] + zero_point).double()
    area = int(np.prod(a["kernel"]))
    how = {"ceil_mode": a.get("ceil", False), "divisor_override": area}
    total = torch.round(F.avg_pool2d(plain, *window, **how) * area)
    count = torch.round(F.avg_pool2d(torch.ones_like(plain[:1, :1]), *window, **how) * area)
    mean = torch.where(total > 0, torch.floor((total + count // 2) / count), torch.ceil((total - count // 2) / count))
    return (mean - zero_point).float()


def relu(o: Operands) -> torch.Tensor:
    """QuantizedReluX (kernels/activations.cc)."""
    multiplier = quantize_multiplier(np.asarray(f32(o.params[0].scale) / f32(o.out.scale)))
    largest = 2.0 ** o.params[0].bits
    return rescale(o.values[0], doubled(multiplier), largest, *bounds(o.step, o.out, o.step.kind))


BUILTIN_OPS = kernels("builtin")
BUILTIN = Arithmetic("builtin", requantize, to_grid, BUILTIN_OPS, BUILTIN_DYNAMIC)
BUILTIN_ARM = dataclasses.replace(BUILTIN, name="builtin on ARM", requantize=partial(requantize, rescaling=_on_arm))
