"""LiteRT's builtin kernels of one input: TANH, ELU, GELU, HARD_SWISH, LEAKY_RELU, RSQRT, and QUANTIZE of integers.

Each function names the kernel that it mirrors (tensorflow/lite/kernels, at the version that LiteRT carries).
"""

from __future__ import annotations

import math

import numpy as np
import torch

from ..arithmetic import Operands, limits
from ..fixed_point import Multiplier, double_rounding, doubled, quantize_multiplier
from .builtin_tables import _round, _sigmoid_table, look_up

f32 = np.float32
BLOCK = 16  # values that AVX2 rescales at a time


def tanh(o: Operands) -> torch.Tensor:
    return _tanh_int16(o) if o.out.bits > 8 else look_up(o, lambda x, s: _entry(f32(math.tanh(x)), s))


def elu(o: Operands) -> torch.Tensor:
    """EvalEluLUT (kernels/activations.cc)."""
    return look_up(o, lambda x, s: _entry(f32(math.expm1(x)) if x < 0 else f32(x), s))


def gelu(o: Operands) -> torch.Tensor:
    """GeluTransform and GeluTransformApproximate (reference/gelu.h), in float32."""
    transform = _gelu_tanh if o.step.attrs["approximate"] == "tanh" else _gelu_erf
    return look_up(o, lambda x, s: _entry(transform(f32(x)), s))


def _gelu_erf(x: np.float32) -> np.float32:
    return f32(f32(f32(0.5) * x) * f32(math.erfc(float(x * f32(-math.sqrt(0.5))))))


def _gelu_tanh(x: np.float32) -> np.float32:
    inner = f32(math.sqrt(2 / math.pi)) * (x + f32(0.044715) * x * x * x)
    return f32(f32(0.5) * x * (f32(1) + f32(math.tanh(float(inner)))))


def _entry(value: np.float32, scale: float) -> float:
    """LUTPopulate (kernels/internal/common.h): a product with the reciprocal, ties away from zero."""
    return _round(float(value * (f32(1) / f32(scale))))


def leaky_relu(o: Operands) -> torch.Tensor:
    """QuantizeLeakyRelu (reference/leaky_relu.h): a multiplier for either sign."""
    scale, out = f32(o.params[0].scale), f32(o.out.scale)
    x, slope = o.values[0].to(torch.int64), f32(o.step.attrs["slope"])
    up = double_rounding(x, quantize_multiplier(np.asarray(float(scale / out))))
    # LeakyReluPrepare multiplies by the slope before it divides: in float32 the order decides the last bit
    below = quantize_multiplier(np.asarray(abs(float(scale * slope / out))))
    down = double_rounding(x * (1 if slope >= 0 else -1), below)
    return _bounded(torch.where(x >= 0, up, down), o)


def requantize(o: Operands) -> torch.Tensor:
    """Requantize (optimized_ops.h, AVX2): the second rounding of int8 sends its ties upwards, 16 values at a time in
    the file's order, and those of the values that are left away from zero."""
    real = quantize_multiplier(np.asarray(float(f32(o.params[0].scale)) / float(f32(o.out.scale))))
    x = o.values[0]
    place = torch.arange(x[0].numel()).view(*x.shape[2:], x.shape[1]).movedim(-1, 0)
    away = (place >= x[0].numel() // BLOCK * BLOCK) | (o.out.bits > 8)
    return _bounded(doubled(real, away)(x), o)


def _bounded(values: torch.Tensor, o: Operands) -> torch.Tensor:
    low, high = limits(o.step, o.out)
    low = -32768 if o.out.bits == 16 and low == o.out.low else low  # int16 kernels use the whole of it
    return values.clamp(low, high).float()


def hard_swish(o: Operands) -> torch.Tensor:
    """HardSwish (reference/hard_swish.h): int16 fixed point, all of it in 16 bits."""
    source, scale = o.params[0], f32(f32(1 / 128) * f32(o.params[0].scale))
    gain, gain_shift = _int16_multiplier(float(f32(scale / f32(o.out.scale))))
    line, line_shift = _int16_multiplier(float(f32(scale / f32(3 / 32768))))
    x = (torch.arange(source.low, source.high + 1) - source.zero_point) * 128
    line_at = _rescaled_line(x, line, line_shift)
    gate = (line_at + (1 << 15)) >> 1
    product = torch.trunc((gate * _high_mul(x, gain)).double() / (1 << 15)).long()
    steps = _power_of_two(product, -gain_shift).clamp(o.out.low - o.out.zero_point, o.out.high - o.out.zero_point)
    return steps.float().to(o.values[0].device)[(o.values[0] + (source.zero_point - source.low)).long()]


def _rescaled_line(x: torch.Tensor, line: int, shift: int) -> torch.Tensor:
    """`x` where 3.0 is 2^15, saturated as it is shifted."""
    if shift > 0:
        return _int16(_high_mul(_int16(x << (shift - 1)), line) << 1)
    return _power_of_two(_high_mul(x, line), -shift)


def _int16_multiplier(real: float) -> tuple[int, int]:
    """QuantizeMultiplier, then DownScaleInt32ToInt16Multiplier."""
    m = quantize_multiplier(np.asarray(real))
    return min(int(m.q) + (1 << 15) >> 16, 0x7FFF), int(m.shift)


def _high_mul(x: torch.Tensor, factor: int) -> torch.Tensor:
    """SaturatingRoundingDoublingHighMul of int16: the product by 2^15, rounded as the compiled code does."""
    total = x * factor
    nudge = torch.where(total >= 0, 1 << 14, 1 - (1 << 14))
    return torch.trunc((total + nudge).double() / (1 << 15)).long()


def _power_of_two(x: torch.Tensor, exponent: int) -> torch.Tensor:
    """RoundingDivideByPOT: ties away from zero."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0).long()).long()


def _int16(x: torch.Tensor) -> torch.Tensor:
    return x.clamp(-32768, 32767)


def rsqrt(o: Operands) -> torch.Tensor:
    """RsqrtEvalQuantized (kernels/elementwise.cc): 20 bits behind the point; 0 gives the largest integer."""
    x = o.values[0].to(torch.int64)
    levels, where = torch.unique(x, return_inverse=True)
    scale = 1.0 / float(f32(np.sqrt(f32(o.params[0].scale)) * f32(o.out.scale)))
    multiplier = quantize_multiplier(np.asarray(scale))
    multiplier = Multiplier(multiplier.q, multiplier.shift - 20)
    data = torch.tensor([_inverse_root(int(level)) for level in levels])
    steps = double_rounding(data, multiplier)
    steps = torch.where(levels == 0, torch.tensor(o.out.high - o.out.zero_point), steps)
    return _bounded(steps, o)[where].view(x.shape)


def _inverse_root(value: int) -> int:
    """2^20 / sqrt(value): GetInvSqrtQuantizedMultiplierExp, five steps of Newton's, and a rounding multiplication."""
    if value <= 1:
        return (1 << 20) if value == 1 else 0
    shift = 11
    while value >= 1 << 29:
        value, shift = value // 4, shift + 1
    pairs = (31 - value.bit_length()) // 2 - 1
    value, shift = value << 2 * pairs, shift - pairs
    root = _fixed(_newton(value >> 1), 1518500250)
    if shift < 0:
        root, shift = root << -shift, 0
    return int(double_rounding(torch.tensor(1), Multiplier(torch.tensor(root), torch.tensor(20 - shift))))


def _newton(value: int) -> int:
    """`x = x * (3 - value * x^2) / 2`, with 3 bits before the point; every product is rounded."""
    x, half = 1 << 28, _half(value)
    for _ in range(5):
        cube = _saturated(_fixed(_fixed(x, x), x) << 6)
        x = _saturated((_fixed((1 << 28) + (1 << 27), x) - _fixed(half, cube)) << 3)
    return x


def _fixed(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul of int32."""
    total = a * b
    nudged = total + ((1 << 30) if total >= 0 else 1 - (1 << 30))
    return nudged >> 31 if nudged >= 0 else -(-nudged >> 31)


def _half(value: int) -> int:
    """RoundingDivideByPOT by 2, of a value that is not negative."""
    return (value >> 1) + (value & 1)


def _saturated(value: int) -> int:
    return max(-(1 << 31), min((1 << 31) - 1, value))


def _tanh_int16(o: Operands) -> torch.Tensor:
    """reference_integer_ops::Tanh for int16: 2 * sigmoid(2 x) - 1 from the table of sigmoid."""
    multiplier, shift = _tanh_multiplier(o.params[0].scale)
    x = (o.values[0].to(torch.int64) * multiplier + ((1 << shift) >> 1)) >> shift
    size, table = x.abs(), _sigmoid_table().to(x.device)
    index = torch.clamp(size >> 8, max=254)
    low, high = table[index], table[index + 1]
    result = torch.where(size >> 8 >= 255, 0xFFFF << 8, (low << 8) + (size & 0xFF) * (high - low))
    half = 1 << (14 + 9)
    result = torch.where(x >= 0, result - half + (1 << 7), -result + half + (1 << 7) - 1)
    return (result >> 8).float()


def _tanh_multiplier(scale: float) -> tuple[int, int]:
    """TanhPrepare (kernels/activations.cc): scales of 2^-12 and 2^-11 need none, others get 15 bits."""
    log2 = math.log2(scale)
    if abs(log2 - round(log2)) < 1e-3 and round(log2) in (-12, -11):
        return 3 << (round(log2) + 12), 0
    multiplier, shift = scale * 4096 * 3, 0
    while multiplier <= 32767 / 2 and shift <= 30:
        multiplier, shift = multiplier * 2, shift + 1
    return int(multiplier), shift
