"""Entropy: the clipping threshold whose quantized distribution tells most about the original one.

Migacz, 2017, "8-bit Inference with TensorRT" (GTC talk S7310, slides 20-39). For each candidate of i bins, out
of 2,048 bins of |value|: the reference P is the first i bins, with everything above added to the last; Q is
the first i bins without it, summed into `levels` groups and spread evenly over each group's non-empty bins.
The threshold is the upper edge of the i for which KL(P || Q) is least.

Where we deviate, and why:
- The bins span up to the power of two above the peak instead of up to the peak, so between 1,024 and 2,048
  of them are used. Bins that do not depend on the first batch make the result independent of batch order.
- TensorRT has 128 levels: int8, symmetric. Ours are 2^(bits-1), and 2^bits for a tensor on one side of zero
  on an asymmetric grid, which spends all its levels on that side. On two sides the threshold is chosen for the
  symmetric grid and then cut at the extremes seen.
- A candidate whose last bin is empty but receives clipped values has an infinite divergence, and is passed over.
- One value far out leaves all others in a few bins, where rounding seems free and nothing is ever clipped. So while
  fewer than two bins a level are filled, the bins are halved, up to where 0.1% of the values are above them all.
- From about 11 bits on, 2,048 bins cannot show what rounding loses; the range then is min-max.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ..core.arrays import Array
from .histogram import OCTAVES, Histogram, HistogramCalibrator

MOST_LEVELS = 256  # for more, 2,048 bins have too few a level to demand two filled ones
MOST_ABOVE = 0.001  # of all values


@final
@dataclass(frozen=True)
class Entropy(HistogramCalibrator):
    """Range = the one of least Kullback-Leibler divergence, after TensorRT."""

    def choose(self, histogram: Histogram, bits: int, symmetric: bool) -> tuple[float, float]:
        """(low, high) of a histogram."""
        one_sided = histogram.low >= 0 or histogram.high <= 0
        limit = threshold(histogram, 2**bits if one_sided and not symmetric else 2 ** (bits - 1))
        return max(-limit, histogram.low), min(limit, histogram.high)


def threshold(histogram: Histogram, levels: int) -> float:
    """The magnitude at which to clip, for `levels` levels on one side of zero."""
    bins, width, above = histogram.linear()
    for halved in range(1, OCTAVES // 2):
        finer = histogram.linear(halved)
        if levels > MOST_LEVELS or (bins > 0).sum() >= 2 * levels or finer[2] > MOST_ABOVE * histogram.count:
            break
        bins, width, above = finer
    return min(best_candidate(bins, above, levels) * width, histogram.peak)


def best_candidate(bins: Array, above: float, levels: int) -> int:
    """How many of the bins (B,) to keep: at least `levels`, at most up to the last that is not empty.

    Within a group Q is constant on the non-empty bins, so KL = sum P log P - sum over groups of
    (group's sum) log (group's sum / non-empty bins), and prefix sums give every candidate at once.
    """
    used = int(np.flatnonzero(bins)[-1]) + 1
    if used <= levels:
        return used
    candidates = np.arange(used, levels - 1, -1)  # the widest first: it wins among equals
    groups = candidates[:, None] * np.arange(levels + 1) // levels  # (K, levels + 1) bounds
    sums = np.diff(_prefix(bins)[groups])
    filled = np.diff(_prefix(bins > 0)[groups])
    q = sums / np.maximum(filled, 1)  # (K, levels): Q, not yet normalised, on each group's non-empty bins
    kept, total = _prefix(bins)[candidates], bins.sum() + above
    last, clipped = bins[candidates - 1], total - kept
    p_log_p = _prefix(_x_log_x(bins))[candidates - 1] + _x_log_x(last + clipped)
    p_log_q = (sums * _log(q)).sum(1) + clipped * _log(q[:, -1])
    divergence = (p_log_p - p_log_q) / total + _log(kept / total)
    return int(candidates[np.argmin(np.where((last == 0) & (clipped > 0), np.inf, divergence))])


def _prefix(values: Array) -> Array:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _log(values: Array) -> Array:
    return np.log(np.where(values > 0, values, 1.0))


def _x_log_x(values: Array) -> Array:
    return values * _log(values)
