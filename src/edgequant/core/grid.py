"""The affine grid: `real = scale * (q - zero_point)` (Jacob et al., 2018, arXiv:1712.05877, eq. 1).

Scales are rounded to float32 first, because that is what every file format stores; all that
follows is computed from the stored value, so that simulation and file start from one number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from .errors import Unsupported


@dataclass(frozen=True)
class QParams:
    """The integer parameters of one tensor: `real = scale * (q - zero_point)`, `low <= q <= high`."""

    scale: float
    zero_point: int
    bits: int = 8

    @property
    def low(self) -> int:
        return int(-(2 ** (self.bits - 1)) + (1 if self.bits > 8 else 0))

    @property
    def high(self) -> int:
        return int(2 ** (self.bits - 1) - 1)


@dataclass(frozen=True)
class WeightQ:
    """A quantized weight: integers in the shape of the float weight, `(O, ...)`, and a scale per output channel."""

    q: torch.Tensor  # int8 (holds every width up to 8 bits)
    scale: torch.Tensor  # (O,) float32, or (1,) per tensor
    bits: int = 8


# A tensor that never moves still gets a grid on which zero is exact; LiteRT refuses one where 6 / scale passes int32.
SMALLEST_SCALE = 2.0**-28
INT32 = 2**31 - 1


def choose_qparams(low: float, high: float, bits: int, symmetric: bool) -> QParams:
    """The grid of `2**bits` steps that covers [low, high] and holds zero exactly.

    Asymmetric: the range is widened to include 0 and the zero point is the nearest integer.
    Symmetric: zero point 0 and `scale = max(|low|, |high|) / (2^(bits-1) - 1)`.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if symmetric:
        top = 2 ** (bits - 1) - 1
        return QParams(_float32(max(-low, high) / top), 0, bits)
    bottom, top = QParams(1.0, 0, bits).low, 2 ** (bits - 1) - 1
    scale = _float32((high - low) / (top - bottom))
    return QParams(scale, int(np.clip(round(bottom - low / scale), bottom, top)), bits)


def _float32(scale: float) -> float:
    return float(np.float32(max(scale, SMALLEST_SCALE)))


def quantize_weight(weight: torch.Tensor, scale: torch.Tensor, bits: int) -> torch.Tensor:
    """(O, ...) float32 and (O,) or (1,) scales -> int8 integers in [-(2^(b-1)-1), 2^(b-1)-1], ties to even."""
    top = 2 ** (bits - 1) - 1
    shaped = scale.double().view(-1, *[1] * (weight.dim() - 1))
    return torch.clamp(torch.round(weight.detach().double() / shaped), -top, top).to(torch.int8)


def bias_scale(input_scale: float, weight_scale: torch.Tensor) -> torch.Tensor:
    """(O,) float32: `s_in * s_w[c]`, the product in float32 as the kernels take it."""
    return (torch.tensor(input_scale, dtype=torch.float32) * weight_scale.float()).float()


def quantize_bias(bias: torch.Tensor, input_scale: float, weight_scale: torch.Tensor, bits: int = 32) -> torch.Tensor:
    """(O,) int64 holding integers of `bits` bits: `round(bias / (s_in * s_w))`, ties to even.

    Raises Unsupported where one does not fit (tiny scales): the layer needs a wider scheme.
    """
    q = torch.round(bias.detach().double() / (weight_scale.double() * float(np.float32(input_scale))))
    limit = float(2 ** (bits - 1) - 1)
    if bool((q.abs() > limit).any()):
        raise Unsupported(
            f"A bias needs {math.ceil(math.log2(float(q.abs().max()) + 1)) + 1} bits on its grid and has {bits}:"
            " the layer's input or weight scale is too small. Keep that layer at a wider scheme."
        )
    return q.to(torch.int64)


def quantize(x: torch.Tensor, p: QParams) -> torch.Tensor:
    """Float to integers (held in float32): `clamp(round(x / s) + z)`, ties to even."""
    return torch.clamp(torch.round(x / p.scale) + p.zero_point, p.low, p.high)


def fake_quantize(x: torch.Tensor, p: QParams) -> torch.Tensor:
    """The nearest point of the grid, ties to even: `quantize` and back, in one new tensor of the shape of `x`.

    The zero point is taken from the bounds and never added to `x / s`: in float32 the sum could round a value that lies
    just beside an edge to the other side of it.
    """
    return (x / p.scale).round_().clamp_(p.low - p.zero_point, p.high - p.zero_point).mul_(p.scale)
