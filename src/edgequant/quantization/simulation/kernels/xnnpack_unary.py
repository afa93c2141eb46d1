"""XNNPACK's 8-bit kernels of one input: tables for LOGISTIC, TANH, ELU and squares, fixed point for LEAKY_RELU and
QUANTIZE.

Each function names the kernel that it mirrors (XNNPACK, src/, at the version that LiteRT carries).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from ..arithmetic import Operands, limits
from .builtin_tables import look_up

f32 = np.float32


def tanh(o: Operands) -> torch.Tensor:
    """TanHOp."""
    return _reference(o, math.tanh)


def elu(o: Operands) -> torch.Tensor:
    """ELUOp."""
    return _reference(o, lambda x: math.expm1(x) if x < 0 else x)


def sigmoid(o: Operands) -> torch.Tensor:
    """SigmoidOp, in float64."""
    return _reference(o, lambda x: 1 / (1 + math.exp(-min(max(x, -100.0), 100.0))))


def square(o: Operands) -> torch.Tensor:
    """SquareOp, in float32: what becomes of a tensor times itself."""
    return _reference(o, lambda x: float(f32(x) * f32(x)))


def _reference(o: Operands, operator: Callable[[float], float]) -> torch.Tensor:
    """unary_ukernel_quantized (reference/unary-elementwise.cc) for every value of the input.

    `rint(float32(operator(x)) * float32(1 / s_out) + z_out)`: the zero point is added before rounding, and takes the
    last bits of what lies on an edge.
    """
    zero = f32(o.out.zero_point)
    return look_up(o, lambda x, s: float(np.rint(f32(operator(x)) * (f32(1) / f32(s)) + zero) - zero))


def leaky_relu(o: Operands) -> torch.Tensor:
    """qs8-vlrelu: a multiplier of 8 bits behind the point for either sign, ties upwards."""
    ratio = f32(o.params[0].scale) / f32(o.out.scale)
    up, down = _eighth_bits(ratio), _eighth_bits(ratio * f32(o.step.attrs["slope"]))
    x = o.values[0]
    return _shifted(torch.where(x >= 0, x * up, x * down), o)


def requantize(o: Operands) -> torch.Tensor:
    """qs8-vcvt; a clamp is one onto a grid that ends where the clamp does."""
    return _shifted(o.values[0] * _eighth_bits(f32(o.params[0].scale) / f32(o.out.scale)), o)


def _eighth_bits(ratio: np.float32) -> float:
    return float(np.rint(f32(256) * ratio))


def _shifted(products: torch.Tensor, o: Operands) -> torch.Tensor:
    return torch.floor((products + 128) / 256).clamp_(*limits(o.step, o.out))
