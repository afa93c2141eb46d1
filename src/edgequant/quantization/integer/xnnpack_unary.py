"""XNNPACK's 8-bit kernels of one input: tables for TANH and ELU, 8-bit fixed point for LEAKY_RELU and QUANTIZE.

Each function names the kernel that it mirrors (XNNPACK, src/, at the version that LiteRT carries).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from .arithmetic import Operands, limits
from .builtin_tables import look_up

f32 = np.float32


def tanh(o: Operands) -> torch.Tensor:
    """TanHOp (reference/unary-elementwise.cc) for every value of the input, ties to even."""
    return look_up(o, lambda x, s: _entry(math.tanh(x), s))


def elu(o: Operands) -> torch.Tensor:
    """ELUOp, likewise."""
    return look_up(o, lambda x, s: _entry(math.expm1(x) if x < 0 else x, s))


def _entry(value: float, scale: float) -> float:
    return float(np.rint(f32(value) * (f32(1) / f32(scale))))


def leaky_relu(o: Operands) -> torch.Tensor:
    """qs8-vlrelu: a multiplier of 8 bits behind the point for either sign, ties upwards."""
    ratio = f32(o.params[0].scale) / f32(o.out.scale)
    up, down = _eighth_bits(ratio), _eighth_bits(ratio * f32(o.step.attrs["slope"]))
    x = o.values[0]
    return _shifted(torch.where(x >= 0, x * up, x * down), o)


def clamp(o: Operands) -> torch.Tensor:
    """qs8-vcvt, on a grid that ends where the clamp does."""
    return _shifted(o.values[0] * _eighth_bits(f32(o.params[0].scale) / f32(o.out.scale)), o)


def _eighth_bits(ratio: np.float32) -> float:
    return float(np.rint(f32(256) * ratio))


def _shifted(products: torch.Tensor, o: Operands) -> torch.Tensor:
    return torch.floor((products + 128) / 256).clamp_(*limits(o.step, o.out))
