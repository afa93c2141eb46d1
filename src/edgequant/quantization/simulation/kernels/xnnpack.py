"""XNNPACK's 8-bit arithmetic, LiteRT's default path on CPUs: float32 requantization.

Each function names the kernel that it mirrors (XNNPACK, src/, at the version that LiteRT carries).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ....core.grid import QParams
from ....graph.ops.table import kernels
from ..arithmetic import Arithmetic, Operands, Product, limits
from ..on_the_fly import XNNPACK_DYNAMIC
from . import xnnpack_unary

f32 = np.float32


def requantize(accumulator: torch.Tensor, product: Product, out: QParams) -> torch.Tensor:
    """qs8-qc8w-gemm/igemm/dwconv, `fp32` requantization: `rint(clamp(float32(acc) * m[c]))`.

    m[c] = float32(float32(s_in * s_w[c]) / s_out).
    """
    multiplier = product.scale * float(f32(product.source.scale)) / float(f32(out.scale))
    shaped = multiplier.view(1, -1, *[1] * (accumulator.dim() - 2))
    low, high = limits(product.step, out)
    return accumulator.float().mul_(shaped).clamp_(low, high).round_()


def to_grid(value: torch.Tensor, out: QParams) -> torch.Tensor:
    """f32-qs8-vcvt: multiplication by the reciprocal, ties to even."""
    return torch.round(value * float(f32(1) / f32(out.scale)))


def add(o: Operands) -> torch.Tensor:
    """qs8-vadd-minmax: 20-bit fixed-point multipliers, `(a*ma + b*mb + rounding) >> shift`."""
    return _sum(o, 1)


def sub(o: Operands) -> torch.Tensor:
    """qs8-vadd-minmax with the second multiplier negated."""
    return _sum(o, -1)


def _sum(o: Operands, sign: int) -> torch.Tensor:
    ratios = [f32(p.scale) / f32(o.out.scale) for p in o.params]
    shift = 20 - (math.frexp(max(ratios))[1] - 1)
    ma, mb = (int(np.rint(float(r) * 2.0**shift)) for r in ratios)
    a, b = (v.to(torch.int32) for v in o.values)
    total = (a * ma + b * (sign * mb) + (1 << (shift - 1))) >> shift
    return total.to(torch.float32).clamp_(*limits(o.step, o.out))


def mul(o: Operands) -> torch.Tensor:
    """qs8-vmul-minmax-fp32: `rint(a * b * float32(sa * sb / s_out))`; a tensor times itself becomes a square."""
    if o.step.inputs[0] == o.step.inputs[1]:
        return xnnpack_unary.square(o)
    multiplier = f32(f32(o.params[0].scale) * f32(o.params[1].scale)) / f32(o.out.scale)
    return (o.values[0] * o.values[1]).mul_(float(multiplier)).clamp_(*limits(o.step, o.out)).round_()


def mean(o: Operands) -> torch.Tensor:
    """qs8-rdsum over the whole image, then a conversion with the zero points folded into an offset (`_averaged`)."""
    n = o.values[0].shape[2] * o.values[0].shape[3]
    return _averaged(o, o.values[0].sum((2, 3), keepdim=o.step.attrs["keepdim"]), n)


def channel_mean(o: Operands) -> torch.Tensor:
    """qs8-rsum, likewise."""
    return _averaged(o, o.values[0].sum(1, keepdim=True), o.values[0].shape[1])


def _averaged(o: Operands, total: torch.Tensor, n: int) -> torch.Tensor:
    """`rint(float32(sum) * m + (z_out - float32(z_in * n) * m))`, m = float32(s_in / s_out) * float32(1 / n).

    m is that of operators/reduce-nd.c; the order of the rest was found by comparing with the runtime. The sum is of
    the integers as they are, not centred, so that product and offset nearly cancel: a mean within some millionths of
    half a step goes the other way than exact arithmetic would send it.
    """
    source, zero = o.params[0], f32(o.out.zero_point)
    multiplier = f32(source.scale) / f32(o.out.scale) * (f32(1) / f32(n))
    offset = zero - f32(source.zero_point * n) * multiplier
    value = (total + source.zero_point * n).mul_(float(multiplier)).add_(float(offset)).round_()
    return value.sub_(float(zero)).clamp_(*limits(o.step, o.out))


# XNNPACK takes no 8-bit average pooling, softmax or rescaling ReLU; LiteRT runs its builtin kernels there.
XNNPACK_OPS = kernels("xnnpack")
XNNPACK = Arithmetic("xnnpack", requantize, to_grid, XNNPACK_OPS, XNNPACK_DYNAMIC)
