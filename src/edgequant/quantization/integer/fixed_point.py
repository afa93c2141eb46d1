"""Fixed-point rescaling as TensorFlow Lite's builtin kernels do it (tensorflow/lite/kernels/internal/common.cc).

Everything is int64 here, where no intermediate result can overflow; the kernels hold int32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ...core.interfaces import Array


@dataclass(frozen=True)
class Multiplier:
    """`real = q * 2^(shift - 31)`; int64 tensors of equal shape."""

    q: torch.Tensor
    shift: torch.Tensor

    def shaped(self, shape: tuple[int, ...]) -> Multiplier:
        return Multiplier(self.q.view(shape), self.shift.view(shape))


Rescale = Callable[[torch.Tensor, Multiplier], torch.Tensor]


def quantize_multiplier(real: Array) -> Multiplier:
    """QuantizeMultiplier: `real = q * 2^(shift - 31)`, q in [2^30, 2^31); float64 in, any shape."""
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    q = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carried = q == 1 << 31
    q, shift = np.where(carried, q >> 1, q), exponent.astype(np.int64) + carried
    lost = shift < -31
    return Multiplier(torch.from_numpy(np.where(lost, 0, q)), torch.from_numpy(np.where(lost, 0, shift)))


def double_rounding(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """MultiplyByQuantizedMultiplier for int32: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT."""
    return _divide_by_power_of_two(_doubling_high_mul(x, m), torch.clamp(-m.shift, min=0))


def ruy_rounding(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """ruy's x86 kernels (ruy/kernel_avx512.cc): rounds twice too, but ties of the second go upwards."""
    right = torch.clamp(-m.shift, min=0)
    return (_doubling_high_mul(x, m) + ((1 << right) >> 1)) >> right


def single_rounding(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """The 31-bit multiplier applied to an int64 accumulator of up to 48 bits: one rounding, ties upwards.

    In two halves, since `x * q` could pass 64 bits; m.shift is at most 14.
    """
    total = 31 - m.shift
    low = ((x & 0xFFFF) * m.q + (1 << (total - 1))) >> 16
    return ((x >> 16) * m.q + low) >> (total - 16)


def reduced_multiplier(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """MultiplyByQuantizedMultiplier for int64 accumulators: a 15-bit multiplier, one rounding, ties upwards."""
    reduced = torch.where(m.q < 0x7FFF0000, (m.q + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - m.shift
    return (x * reduced + (1 << (total - 1))) >> total


def _doubling_high_mul(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """SaturatingRoundingDoublingHighMul after the left shift: `x * q / 2^31`, ties upwards."""
    return ((x << torch.clamp(m.shift, min=0)) * m.q + (1 << 30)) >> 31


def _divide_by_power_of_two(x: torch.Tensor, exponent: torch.Tensor) -> torch.Tensor:
    """RoundingDivideByPOT: ties away from zero."""
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)


def round_away(real: torch.Tensor) -> torch.Tensor:
    """TfLiteRound, which is std::round: ties away from zero. float64, where adding a half to a float32 is exact."""
    return torch.trunc(real.double() + torch.sign(real.double()) * 0.5)
