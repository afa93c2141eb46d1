"""The kernels in plain Python integers and fractions, one number at a time: slow, and independent of the executor.

Written from the definitions (Jacob et al., 2018; gemmlowp's fixed point), not from the executor's code.
Images are nested lists [c][y][x] of centred integers.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

Image = list[list[list[int]]]


def conv(x: Image, weight: list[Image], bias: list[int], stride: int, padding: int, groups: int) -> Image:
    """Sums of a convolution, before requantization."""
    height, width, kernel = len(x[0]), len(x[0][0]), len(weight[0][0])
    per_group, outs_per_group = len(x) // groups, len(weight) // groups
    result: Image = []
    for o, filters in enumerate(weight):
        first = o // outs_per_group * per_group
        rows = []
        for top in range(-padding, height + padding - kernel + 1, stride):
            row = []
            for left in range(-padding, width + padding - kernel + 1, stride):
                total = bias[o]
                for c in range(per_group):
                    for i in range(kernel):
                        for j in range(kernel):
                            y, z = top + i, left + j
                            if 0 <= y < height and 0 <= z < width:
                                total += x[first + c][y][z] * filters[c][i][j]
                row.append(total)
            rows.append(row)
        result.append(rows)
    return result


def linear(x: list[int], weight: list[list[int]], bias: list[int]) -> list[int]:
    return [b + sum(a * w for a, w in zip(x, row)) for row, b in zip(weight, bias)]


def clamp(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))


def half_even(value: Fraction) -> int:
    return round(value)


def half_away(value: Fraction) -> int:
    return math.floor(abs(value) + Fraction(1, 2)) * (1 if value >= 0 else -1)


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def fixed(real: float, bits: int = 31) -> tuple[int, int]:
    """(q, shift): real = q * 2^(shift - bits)."""
    fraction, shift = math.frexp(real)
    q = half_away(Fraction(fraction) * 2**bits)
    return (q // 2, shift + 1) if q == 2**bits else (q, shift)


def twice_rounded(x: int, real: float, last: str) -> int:
    """A 32-bit fixed-point product: the high half of `x * q * 2`, then the rest of the shift, where ties go `last`."""
    return twice_rounded_by(x, *fixed(real), last)


def twice_rounded_by(x: int, q: int, shift: int, last: str) -> int:
    high = half_up(Fraction(x * 2 ** max(shift, 0) * q, 2**31))
    rest = Fraction(high, 2 ** max(-shift, 0))
    return half_away(rest) if last == "away" else half_up(rest)


def reduced(x: int, real: float) -> int:
    """The product with a multiplier cut to 15 bits."""
    q, shift = fixed(real)
    q15 = 0x7FFF if q >= 0x7FFF0000 else half_up(Fraction(q, 2**16))
    return half_up(Fraction(x * q15) / Fraction(2) ** (15 - shift))


def once_rounded(x: int, real: float) -> int:
    q, shift = fixed(real)
    return half_up(Fraction(x * q) / Fraction(2) ** (31 - shift))


def in_float32(x: int, multiplier: np.float32) -> int:
    """A float32 product, ties to even."""
    return half_even(Fraction(float(np.float32(x) * multiplier)))
