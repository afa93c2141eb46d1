"""Fixed-point rescaling as TensorFlow Lite's builtin kernels do it (tensorflow/lite/kernels/internal/common.cc).

Everything is int64 here, where no intermediate result can overflow (the kernels hold int32), or float64
where that is exact: three times as fast (benchmarks/executor_speed.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...core.arrays import Array

CHUNK = 1 << 17  # values


@dataclass(frozen=True)
class Multiplier:
    """`real = q * 2^(shift - 31)`; int64 tensors of equal shape."""

    q: torch.Tensor
    shift: torch.Tensor

    def shaped(self, shape: tuple[int, ...]) -> Multiplier:
        return Multiplier(self.q.view(shape), self.shift.view(shape))


def quantize_multiplier(real: Array) -> Multiplier:
    """QuantizeMultiplier: `real = q * 2^(shift - 31)`, q in [2^30, 2^31); float64 in, any shape."""
    fraction, exponent = np.frexp(np.asarray(real, np.float64))
    q = np.floor(fraction * 2.0**31 + 0.5).astype(np.int64)
    carried = q == 1 << 31
    q, shift = np.where(carried, q >> 1, q), exponent.astype(np.int64) + carried
    lost = shift < -31
    return Multiplier(torch.from_numpy(np.where(lost, 0, q)), torch.from_numpy(np.where(lost, 0, shift)))


@dataclass(frozen=True)
class Rescaling:
    """`floor((x * factor + offset - tie * [x < 0]) / 2^shift)`: roundings that follow each other, in one.

    Right for any number of them, since `floor((floor(a) + n) / m) = floor((a + n) / m)` for integers n and m.
    int64 tensors that broadcast against the accumulator; `tie` None: those of negative values go upwards too.
    """

    factor: torch.Tensor
    offset: torch.Tensor
    tie: torch.Tensor | None
    shift: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """int64, of integers of any type."""
        total = x.to(torch.int64, copy=True).mul_(self.factor).add_(self.offset)
        if self.tie is not None:
            total -= self.tie * (x < 0)
        return total.bitwise_right_shift_(self.shift)

    def fits_float64(self, largest: float) -> bool:
        """Whether nothing rounds in float64, which holds every integer below 2^53, for `|x| <= largest`."""
        offset = int(self.offset.max()) + (0 if self.tie is None else int(self.tie.max()))
        return largest * int(self.factor.max()) + offset < 2.0**53

    def in_float64(self, x: torch.Tensor) -> torch.Tensor:
        """The same, on vector units that most CPUs have; `fits_float64` says when."""
        unit = torch.exp2(-self.shift.double())
        factor = self.factor * unit
        total = (x * factor if x.dtype == torch.float64 else x.double().mul_(factor)).add_(self.offset * unit)
        if self.tie is not None:
            total -= self.tie * unit * (x < 0)
        return total.floor_()


def doubled(m: Multiplier, away: torch.Tensor | bool = True, left: int = 0) -> Rescaling:
    """MultiplyByQuantizedMultiplier for int32, of `x << left`: SaturatingRoundingDoublingHighMul, whose ties go
    upwards, then RoundingDivideByPOT, whose ties go `away` from zero (or upwards too, by the channel)."""
    right = torch.clamp(-m.shift, min=0)
    offset = (1 << 30) + (((1 << right) >> 1) << 31) >> left
    tie = torch.where(torch.as_tensor(away) & (right > 0), 1 << 31 - left, 0)
    return Rescaling(m.q << torch.clamp(m.shift, min=0), offset, tie if bool(tie.any()) else None, 31 - left + right)


def once(m: Multiplier, left: int = 0) -> Rescaling:
    """The 31-bit multiplier applied to `x << left`, at most 32 bits: one rounding, ties upwards."""
    total = 31 - m.shift - left
    return Rescaling(m.q, 1 << (total - 1), None, total)


def reduced(m: Multiplier) -> Rescaling:
    """MultiplyByQuantizedMultiplier for int64 accumulators: a 15-bit multiplier, one rounding, ties upwards."""
    total = 15 - m.shift
    return Rescaling(torch.where(m.q < 0x7FFF0000, (m.q + (1 << 15)) >> 16, 0x7FFF), 1 << (total - 1), None, total)


def rescale(x: torch.Tensor, by: Rescaling, largest: float, low: float, high: float) -> torch.Tensor:
    """Integers `|x| <= largest`, (N, ...), rescaled and clamped: float32 in the same layout.

    A few images at a time, which stay in the cache from one pass to the next.
    """
    result = torch.empty_like(x, dtype=torch.float32)
    compute = by.in_float64 if by.fits_float64(largest) else by
    for part, out in zip(in_cache(x), in_cache(result)):
        out.copy_(compute(part).clamp_(low, high))
    return result


def in_cache(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """(N, ...) in views of some images each, so small that passes over one of them stay in a core's cache."""
    return torch.split(x, max(1, CHUNK // max(1, x[:1].numel())))


def double_rounding(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """gemmlowp's: ties of the second rounding go away from zero."""
    return doubled(m)(x)


def single_rounding(x: torch.Tensor, m: Multiplier) -> torch.Tensor:
    """The 31-bit multiplier applied to an int64 accumulator of up to 48 bits: one rounding, ties upwards.

    In two halves, since `x * q` could pass 64 bits; m.shift is at most 14.
    """
    total = 31 - m.shift
    low = ((x & 0xFFFF) * m.q + (1 << (total - 1))) >> 16
    return ((x >> 16) * m.q + low) >> (total - 16)


def round_away(real: torch.Tensor) -> torch.Tensor:
    """TfLiteRound, which is std::round: ties away from zero. float64, where adding a half to a float32 is exact."""
    return torch.trunc(real.double() + torch.sign(real.double()) * 0.5)
