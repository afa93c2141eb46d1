"""MSE: the range whose grid loses least, by the mean squared error between a value and its quantized self.

Nagel et al., 2021, "A White Paper on Neural Network Quantization" (arXiv:2106.08295), section 3.1, equation 9,
and Banner et al., 2019 (arXiv:1810.05723), section 3, who split the same error into clipping and rounding. The
search runs on the histogram, as torch.ao.quantization.HistogramObserver's does; torch shrinks the range from
its ends until the error rises, we look at all magnitudes first and then around the best one.

A squared error pays heavily for a value far out: clipping one of 10^6 among 10^5 values near 1 costs 10^7, and
losing all the others costs 1. So mse *keeps* such a value, rightly by its own measure. Use percentile where
outliers are to be ignored whatever they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np

from ..core.arrays import Array
from .histogram import Cells, Histogram, HistogramCalibrator

MERGE = 16  # 64 cells an octave: the integral below is exact within a cell, so finer ones change nothing
COARSE = 2.0 ** (-np.arange(97) / 4)  # 24 octaves of candidates, as ratios of the widest range
FINE = 33  # candidates between the neighbours of the best one
REFINEMENTS = 2  # which settles the end to 0.2%
ROUNDS = 4  # of either end in turn

Range = tuple[float, float]


@final
@dataclass(frozen=True)
class MSE(HistogramCalibrator):
    """Range = the one of least squared error at the given number of bits."""

    def choose(self, histogram: Histogram, bits: int, symmetric: bool) -> Range:
        """(low, high); its `squared_error` is never above that of the min-max range."""
        cells = _cells(histogram, symmetric)
        if symmetric:
            limit = _best(lambda t: _error(cells, -t, t, bits, True), histogram.peak, histogram.peak)
            return -limit, limit
        widest = (min(histogram.low, 0.0), max(histogram.high, 0.0))
        # With outliers on both sides the error has several valleys: neither end gains before the other has moved. So
        # the descent, an end at a time, also starts where both were cut alike.
        if 0.0 in widest:
            return _descend(cells, widest, bits)
        found = [_descend(cells, start, bits) for start in (widest, _balanced(cells, widest, bits))]
        return min(found, key=lambda r: squared_error(histogram, r[0], r[1], bits, symmetric))


def squared_error(histogram: Histogram, low: float, high: float, bits: int, symmetric: bool) -> float:
    """Mean squared error of quantizing what the histogram saw to `bits` over (low, high)."""
    cells = _cells(histogram, symmetric)
    return float(_error(cells, np.array([low]), np.array([high]), bits, symmetric)[0])


def _cells(histogram: Histogram, symmetric: bool) -> Cells:
    """The histogram's cells, the outer ones cut at the exact extremes: ReLU6 puts a spike right on one."""
    cells = histogram.cells(MERGE, magnitudes=symmetric)
    edges = cells.edges.copy()
    low, high = (0.0, histogram.peak) if symmetric else (histogram.low, histogram.high)
    if cells.zero < len(cells.counts) - 1:
        edges[-1] = max(edges[-2] * (1 + 1e-6), min(edges[-1], high))  # a width of zero has no density
    if cells.zero > 0:
        edges[0] = min(edges[1] * (1 + 1e-6), max(edges[0], low))
    return Cells(edges, cells.counts, cells.zero)


def _error(cells: Cells, low: Array, high: Array, bits: int, symmetric: bool) -> Array:
    """(K,) mean squared errors of the ranges (low, high), each (K,).

    Within a cell the values are taken as evenly spread, and the squared error is integrated in closed form. With
    `x = n step + r`, `n` the nearest grid point (the last one beyond the end), the integral from 0 to x is
    `n step^3 / 12 + r^3 / 3`: whole steps give step^3 / 12 each. Holds for clipping and rounding, at any width.
    """
    if symmetric:
        step, last = high / (2 ** (bits - 1) - 1), np.full_like(high, 2 ** (bits - 1) - 1)
        first = -last
    else:
        step = (high - low) / (2**bits - 1)
        first = np.rint(low / step)  # the zero point is an integer, so zero is on the grid
        last = first + 2**bits - 1
    step, first, last = (v[:, None] for v in (step, first, last))
    n = np.clip(np.rint(cells.edges / step), first, last)
    r = cells.edges - n * step
    integral = n * (step * step * step / 12) + r * r * r / 3  # ** 3 is an order of magnitude slower
    weight = cells.counts / np.diff(cells.edges)
    weight[cells.zero] = 0  # zero is represented exactly
    total: Array = np.diff(integral, axis=1) @ weight / cells.counts.sum()
    return total


def _best(error: Callable[[Array], Array], widest: float, current: float) -> float:
    """The end of least error, as far out as `widest` at most and no worse than `current`; the wider of equals."""
    ends = _wider_first(np.append(widest * COARSE, current))
    for _ in range(REFINEMENTS):
        at = int(np.argmin(error(ends)))
        around = np.linspace(ends[max(at - 1, 0)], ends[min(at + 1, len(ends) - 1)], FINE)
        ends = _wider_first(np.append(around, ends[at]))
    return float(ends[np.argmin(error(ends))])


def _wider_first(ends: Array) -> Array:
    return np.array(sorted(set(ends.tolist()), key=abs, reverse=True))


def _descend(cells: Cells, start: Range, bits: int) -> Range:
    """Move one end at a time to its best place, until neither moves."""
    low, high = start
    for _ in range(ROUNDS):
        before = (low, high)
        if high > 0:
            high = _best(partial(_error_of_high, cells, low, bits), start[1], high)
        if low < 0:
            low = _best(partial(_error_of_low, cells, high, bits), start[0], low)
        if (low, high) == before:
            break
    return low, high


def _error_of_high(cells: Cells, low: float, bits: int, high: Array) -> Array:
    return _error(cells, np.full_like(high, low), high, bits, False)


def _error_of_low(cells: Cells, high: float, bits: int, low: Array) -> Array:
    return _error(cells, low, np.full_like(low, high), bits, False)


def _balanced(cells: Cells, widest: Range, bits: int) -> Range:
    """The best range whose ends were cut at the same magnitude: a start for outliers on both sides."""
    low, high = widest
    peak = max(-low, high)
    limit = _best(lambda t: _error(cells, np.maximum(-t, low), np.minimum(t, high), bits, False), peak, peak)
    return max(-limit, low), min(limit, high)
