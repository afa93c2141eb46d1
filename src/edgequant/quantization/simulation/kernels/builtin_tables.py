"""LiteRT's builtin LOGISTIC and SOFTMAX: tables of 256 entries for int8, interpolated ones for int16."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import torch

from ..arithmetic import Operands
from ..fixed_point import double_rounding, quantize_multiplier, round_away

f32 = np.float32


def sigmoid(o: Operands) -> torch.Tensor:
    return _sigmoid_int16(o) if o.out.bits > 8 else look_up(o, _sigmoid_entry)


def softmax(o: Operands) -> torch.Tensor:
    return _softmax_int16(o) if o.out.bits > 8 else _softmax_int8(o)


def look_up(o: Operands, entry: Callable[[float, float], float]) -> torch.Tensor:
    """A table over the input's 256 values: `entry(real, output scale)` in steps of the output, rounded already."""
    source, out = o.params[0], o.out
    reals = [float(f32(source.scale) * f32(q - source.zero_point)) for q in range(source.low, source.high + 1)]
    steps = torch.tensor([entry(x, out.scale) for x in reals])
    table = torch.clamp(steps, out.low - out.zero_point, out.high - out.zero_point)
    return table[(o.values[0] + (source.zero_point - source.low)).long()]


def _sigmoid_entry(x: float, scale: float) -> float:
    """LUTPopulate (kernels/internal/common.h): float32 throughout, ties away from zero."""
    value = f32(1) / (f32(1) + expf(-x))
    return float(np.floor(value * (f32(1) / f32(scale)) + f32(0.5)))


def expf(x: float) -> np.float32:
    """The C library's: correctly rounded, infinite where float32 ends."""
    return f32(math.inf) if x > 88.72 else f32(math.exp(x))


@functools.cache
def _sigmoid_table() -> torch.Tensor:
    """sigmoid_table_uint16 (kernels/internal/common.h): 65536 sigmoid(i / 24), moved up to halve the chords' error."""

    def exact(i: float) -> float:
        return 65536 / (1 + math.exp(-i / 24))

    entries = [exact(i) + (exact(i + 0.5) - (exact(i) + exact(i + 1)) / 2) / 2 for i in range(256)]
    return torch.tensor([*(min(65535, int(_round(value))) for value in entries[:-1]), 65535])


def _sigmoid_int16(o: Operands) -> torch.Tensor:
    """reference_integer_ops::Logistic for int16: interpolation in a table of sigmoid over [0, 10.7)."""
    multiplier, shift = _sigmoid_multiplier(o.params[0].scale)
    x = (o.values[0].to(torch.int64) * multiplier + ((1 << shift) >> 1)) >> shift
    size, table = x.abs(), _sigmoid_table().to(x.device)
    index = torch.clamp(size >> 9, max=254)
    low, high = table[index], table[index + 1]
    result = torch.where(size >> 9 >= 255, 0x7FFF << 10, (low << 9) + (size & 0x1FF) * (high - low))
    result = torch.where(x >= 0, result + (1 << 9), (1 << 25) - result + (1 << 9) - 1)
    return (result >> 10).float()


def _sigmoid_multiplier(scale: float) -> tuple[int, int]:
    """SigmoidPrepare (kernels/activations.cc): a scale of 2^-12 needs none, others get 15 bits."""
    if abs(math.log2(scale) + 12) < 1e-3:  # CheckedLog2's tolerance
        return 3, 0
    multiplier, shift = scale * 4096 * 3, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return int(multiplier), shift


def _softmax_int8(o: Operands) -> torch.Tensor:
    """optimized_ops::Softmax: float32 exponentials from a table, summed in order, ties away from zero."""
    scale = f32(-o.params[0].scale)
    table = torch.tensor([expf(float(scale * f32(d))) for d in range(256)], dtype=torch.float32)
    values = o.values[0]
    exps = table.to(values.device)[(values.amax(1, keepdim=True) - values).long()]
    total = torch.zeros_like(exps[:, :1])
    for c in range(exps.shape[1]):  # float32 sums depend on their order
        total += exps[:, c : c + 1]
    inverse = 1 / (total * o.out.scale)
    return torch.clamp(round_away(exps * inverse), 0, o.out.high - o.out.zero_point).float()


def _softmax_int16(o: Operands) -> torch.Tensor:
    """reference_ops::SoftmaxInt16: exp and 1/(1+x) interpolated in tables of 513 entries."""
    x = o.values[0].to(torch.int64)
    multiplier = quantize_multiplier(np.asarray(float(f32(o.params[0].scale)) / (10.0 / 65535.0)))
    scaled = double_rounding(x - x.amax(1, keepdim=True), multiplier)
    exps = _interpolate(torch.clamp(scaled + 32767, -32768, 32767), _table_of("exp").to(x.device))
    total = exps.sum(1, keepdim=True)
    bits = torch.floor(torch.log2(total.double())).long()  # total < 2^(bits + 1)
    shifted = ((total << (30 - bits)) + (1 << 13)) >> 14
    centred = torch.clamp(shifted - (1 << 15) - (1 << 16), -32768, 32767)
    inverse = _interpolate(centred, _table_of("inverse").to(x.device))
    result = (exps * inverse + (1 << (bits - 1))) >> bits
    return torch.clamp(result, 0, 32767).float()


def _interpolate(value: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """LUTLookup for int16: the upper 9 bits choose, the lower 7 interpolate."""
    index, offset = 256 + (value >> 7), value & 0x7F
    return table[index] + (((table[index + 1] - table[index]) * offset + 64) >> 7)


@functools.cache
def _table_of(name: str) -> torch.Tensor:
    if name == "exp":
        return _table(math.exp, -10.0, 0.0)
    return _table(lambda x: 1 / (1 + x), 0.0, 1.0)


def _table(function: Callable[[float], float], low: float, high: float) -> torch.Tensor:
    """LUTPopulateInt16: 513 samples of an output in [-1, 1], each moved to halve the error midway to the next."""
    step = (high - low) / 512
    exact = [function(low + i * step) * 32768 for i in range(513)]
    middle = [function(low + i * step + step / 2) * 32768 for i in range(512)]
    entries = []
    for i in range(512):
        interpolated = _round((exact[i + 1] + _round(exact[i])) / 2)
        entries.append(_round(exact[i]) - _round((interpolated - _round(middle[i])) / 2))
    return torch.clamp(torch.tensor([*entries, _round(exact[512])]), -32768, 32767).long()


def _round(x: float) -> float:
    """std::round: ties away from zero."""
    return math.copysign(math.floor(abs(x) + 0.5), x)
