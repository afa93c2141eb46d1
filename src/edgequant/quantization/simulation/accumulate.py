"""Sums of integer products that never round, on the float32 kernels of whatever device holds them.

float32 holds every integer below 2^24. A layer whose accumulator could pass that (`furthest`) is taken in pieces
that cannot: wide activations a byte at a time, long sums some input channels at a time. The pieces are added in
float64, which holds every integer below 2^53. Only what cannot be cut runs in float64 throughout, and linear layers,
whose matrix products are short: torch has no channels-last convolutions for it, and its others are slow.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from ...core.grid import QParams
from .arithmetic import Pieces, Product
from .fixed_point import in_cache

EXACT = 2.0**24  # float32 holds every integer below
BYTE = 128.0  # what a byte of a wide activation reaches, either way


def pieces(weight: torch.Tensor, bias: torch.Tensor, source: QParams, layer: nn.Conv2d | nn.Linear) -> Pieces:
    """The fastest way that is exact for integers `weight` (O, ...) and `bias` (O,) and inputs on the grid `source`."""
    if furthest(weight, bias, source) < EXACT:
        return Pieces(torch.float32)
    wide = source.bits > 8
    low, high = (-BYTE, BYTE) if wide else (source.low - source.zero_point, source.high - source.zero_point)
    channels = () if isinstance(layer, nn.Linear) else _cut(weight, low, high, layer.groups)
    return Pieces(torch.float32, channels, wide) if channels else Pieces(torch.float64)


def _cut(weight: torch.Tensor, low: float, high: float, groups: int) -> tuple[slice, ...]:
    """The fewest equal runs of input channels whose sums stay exact; none where one channel's do not."""
    count, runs = weight.shape[1], 1
    while runs <= (count if groups == 1 else 1):
        size = -(-count // runs)
        found = tuple(slice(i, i + size) for i in range(0, count, size)) if runs > 1 else (slice(None),)
        if all(reach(weight[:, s], torch.zeros(1), low, high) < EXACT for s in found):
            return found
        runs *= 2
    return ()


def accumulate(product: Product, x: torch.Tensor) -> torch.Tensor:
    """`sum((x - z) * w) + bias` of centred float32 inputs: exact, (N, O, ...) in float32 or float64."""
    how = product.pieces
    if how.whole:
        x = x.to(how.kind)
        if x.dtype == torch.float64 and x.dim() == 4:
            x = x.contiguous()
        return _apply(product, x, product.weight, product.bias)
    parts = _bytes(x) if how.by_bytes else ((1, x),)
    sums = [(place, _sum(product, part, run)) for place, part in parts for run in how.channels]
    return _joined(sums, product.bias.view(1, -1, 1, 1))


def _bytes(x: torch.Tensor) -> tuple[tuple[int, torch.Tensor], ...]:
    """`x = 256 * high + low`, both in [-128, 128] for 16-bit `x`."""
    high = x.add(128).mul_(1 / 256).floor_()
    return (256, high), (1, x.sub(high, alpha=256))


def _sum(product: Product, x: torch.Tensor, run: slice) -> torch.Tensor:
    return _apply(product, x if run == slice(None) else x[:, run], product.weight[:, run], None)


def _joined(sums: Sequence[tuple[int, torch.Tensor]], bias: torch.Tensor) -> torch.Tensor:
    """`bias` and every sum times its place: float64, a few images at a time, which stay in the cache."""
    result = torch.empty_like(sums[0][1], dtype=torch.float64)
    for out, *parts in zip(*(in_cache(t) for t in (result, *(part for _, part in sums)))):
        total = bias
        for (place, _), part in zip(sums, parts):
            total = torch.add(total, part.double(), alpha=place, out=out)
    return result


def _apply(product: Product, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    if isinstance(product.layer, nn.Linear):
        return F.linear(x, weight, bias)
    return product.layer._conv_forward(x, weight, bias)  # type: ignore[no-any-return]


def furthest(weight: torch.Tensor, bias: torch.Tensor, source: QParams) -> float:
    """The largest magnitude of an accumulator of inputs on the grid `source`; the builtin kernels' int16 has -32768."""
    low = -(2 ** (source.bits - 1)) if source.bits > 8 else source.low
    return reach(weight, bias, low - source.zero_point, source.high - source.zero_point)


def reach(weight: torch.Tensor, bias: torch.Tensor, low: float, high: float) -> float:
    """The largest magnitude that an accumulator can have on the way, in whatever order its products are added.

    `weight` (O, ...) and `bias` (O,) are integers. Every partial sum lies between the sum of all products at
    their smallest and that at their largest, for both are of one sign: `low <= 0 <= high`.
    """
    w = weight.double().flatten(1)
    up = w.clamp(min=0).sum(1) * high + w.clamp(max=0).sum(1) * low
    down = w.clamp(min=0).sum(1) * low + w.clamp(max=0).sum(1) * high
    return float((torch.maximum(up, -down) + bias.double().abs()).max())
