"""The streaming histogram that percentile, mse and entropy read their ranges from.

A linear histogram of 2,048 bins is useless once one value is a thousand times the others: they all
share a bin. So a bin here is a float32's own leading bits: exponent and `MANTISSA` bits of mantissa, for
each sign. Every octave `[2^k, 2^(k+1))` has 1,024 bins; the top one is as fine as 2,048 linear bins over the
whole side, and the ones below are finer. 32 octaves are kept; what is smaller than 2^-32 of the largest
magnitude counts as zero.

What must hold: the result depends on the values alone, not on how they were cut into batches or in which
order these came. It does, because a value's bin is a function of its bits, the window only ever moves up
(by doubling), and what falls off its lower end falls into the zero bin, which would have taken it anyway.
Nothing is spread over bins, so nothing is approximated. tests/calibrate/test_histogram.py holds it to that.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch

from ..core.arrays import Array
from ..core.errors import BadFile
from .bounds import check_bits, extremes, in_memory_order, negligible, require_seen, span
from .calibrator import AbstractCalibrator, AbstractObserver
from .minmax import pack, unpack

MANTISSA = 10
PER_OCTAVE = 1 << MANTISSA
OCTAVES = 32
SIDE = OCTAVES * PER_OCTAVE  # bins per sign; bin 0 is part of the zero bin
SHIFT = 23 - MANTISSA  # float32 has 23 bits of mantissa
CHUNK = 2**18  # values at a time on a CPU: the keys then stay in its cache, which doubles the speed


@final
@dataclass(frozen=True)
class Cells:
    """A histogram laid out in order: `counts[i]` values lie in `[edges[i], edges[i + 1])`."""

    edges: Array  # (B + 1,) float64, rising
    counts: Array  # (B,) float64
    zero: int  # the cell whose values count as exactly zero

    def quantile(self, fraction: float) -> float:
        """The value that `fraction` of all values do not exceed, interpolated within its cell."""
        below = np.cumsum(self.counts)
        target = fraction * below[-1]
        at = int(np.searchsorted(below, target))
        if at == self.zero:
            return 0.0
        part = 1 - (below[at] - target) / self.counts[at]
        return float(self.edges[at] + part * (self.edges[at + 1] - self.edges[at]))


@final
@dataclass(eq=False)
class Histogram:
    """Counts per bin, and the exact extremes and number of all values seen. 512 KB, whatever it sees."""

    low: float = math.inf
    high: float = -math.inf
    count: int = 0
    top: int = OCTAVES  # biased float32 exponent of the highest octave; no lower, so that no bin is subnormal
    counts: Array = field(default_factory=lambda: np.zeros((2, SIDE), np.int64))  # above and below zero

    @property
    def peak(self) -> float:
        """The largest magnitude seen."""
        return max(abs(self.low), abs(self.high))

    def update(self, values: torch.Tensor) -> None:
        """Count the values of a tensor of any shape. Raises BadData where one is not finite."""
        if not values.numel():
            return
        flat = in_memory_order(values)
        low, high = extremes(flat)
        self.low, self.high = min(self.low, low), max(self.high, high)
        self.count += flat.numel()
        self._grow(max(-low, high))
        sides = 2 if low < 0 else 1
        for part in torch.split(flat, CHUNK) if flat.device.type == "cpu" else (flat,):
            found = torch.bincount(self._keys(part, signed=low < 0), minlength=sides * SIDE).view(sides, SIDE)
            self.counts[:sides] += found.cpu().numpy()
        self.counts[:, 0] = 0  # the zero bin is what is left of `count`

    def _grow(self, peak: float) -> None:
        top = math.frexp(peak)[1] + 126 if peak > 0 else 0  # frexp's mantissa is in [0.5, 1), IEEE's in [1, 2)
        if top > self.top:
            moved = min((top - self.top) * PER_OCTAVE, SIDE)
            self.counts = np.pad(self.counts[:, moved:], ((0, 0), (0, moved)))
            self.counts[:, 0] = 0
            self.top = top

    def _keys(self, part: torch.Tensor, signed: bool) -> torch.Tensor:
        """(N,) int32 bin of each value; those below zero come `SIDE` later. In place, for speed."""
        # Magnitudes rise with their bits read as an integer, so a bin is a subtraction and a shift. What lies below
        # the window is brought to its first bin, which is a part of zero.
        bits, first = part.view(torch.int32), self._base << SHIFT
        if not signed:
            return bits.clamp(min=first).sub_(first).bitwise_right_shift_(SHIFT)
        magnitude = (bits & 0x7FFFFFFF).clamp_(min=first).sub_(first).bitwise_right_shift_(SHIFT)
        return magnitude.sub_(bits >> 31, alpha=SIDE)  # the sign, spread: -1 or 0

    @property
    def _base(self) -> int:
        """The key (float32 bits >> SHIFT) of bin 0."""
        return (self.top + 1 - OCTAVES) * PER_OCTAVE

    def cells(self, merge: int = 1, magnitudes: bool = False) -> Cells:
        """The occupied stretch of bins, zero included, `merge` (a power of two up to 1,024) taken as one.

        With `magnitudes`, of the absolute values.
        """
        above, below = (side.reshape(-1, merge).sum(1)[1:].astype(np.float64) for side in self.counts)
        edges = _edge(self._base + merge * np.arange(1, SIDE // merge + 1))
        if magnitudes:
            above, below = above + below, below[:0]
        above, below = np.trim_zeros(above, "b"), np.trim_zeros(below, "b")
        zeros = self.count - above.sum() - below.sum()
        return Cells(
            edges=np.concatenate([-edges[: len(below) + 1][::-1], edges[: len(above) + 1]]),
            counts=np.concatenate([below[::-1], [zeros], above]),
            zero=len(below),
        )

    def linear(self, octaves_down: int = 0) -> tuple[Array, float, float]:
        """(counts of |value| in 2,048 equal bins, width of a bin, number of values above them all).

        The bins span `[0, 2^k)`, where 2^k is the power of two above the peak, halved `octaves_down` times.
        Exact: every linear bin is a whole number of ours. Values below the finest bin are in the first.
        """
        kept = self.counts.sum(0)[: SIDE - octaves_down * PER_OCTAVE]
        keys = _edge(self._base + np.arange(len(kept)))
        limit = float(_edge(np.array(self._base + len(kept))))
        bins = np.bincount((keys / limit * 2 * PER_OCTAVE).astype(np.int64), kept, 2 * PER_OCTAVE)
        above = float(self.counts.sum()) - bins.sum()
        bins[0] = self.count - above - bins[1:].sum()
        return bins, limit / (2 * PER_OCTAVE), above

    def state(self) -> dict[str, torch.Tensor]:
        """The occupied bins and the rest of the state, as tensors."""
        where = np.flatnonzero(self.counts)
        bins = {"where": torch.from_numpy(where.astype(np.int32)), "counts": torch.from_numpy(self.counts.flat[where])}
        return pack(self.low, self.high, self.count) | bins | {"top": torch.tensor(self.top)}

    @classmethod
    def restore(cls, state: Mapping[str, torch.Tensor]) -> Histogram:
        """From what `state` gave. Raises BadFile where it is the state of something else."""
        if "where" not in state:
            raise BadFile(
                "The statistics hold extremes and no histogram, which this calibrator needs."
                " Delete them, or calibrate with minmax or moving_average."
            )
        histogram = cls(*unpack(state), int(state["top"]))
        histogram.counts.flat[state["where"].numpy()] = state["counts"].numpy()
        return histogram


class HistogramCalibrator(AbstractCalibrator):
    """A calibrator that reads the range from a histogram. Several may share one, as it does not depend on the rule."""

    @abstractmethod
    def choose(self, histogram: Histogram, bits: int, symmetric: bool) -> tuple[float, float]:
        """(low, high) of a histogram that saw something other than zero."""

    def observer(self, histogram: Histogram | None = None) -> HistogramObserver:
        return HistogramObserver(self, histogram or Histogram())

    def restore(self, state: Mapping[str, torch.Tensor]) -> HistogramObserver:
        return self.observer(Histogram.restore(state))


@final
@dataclass(eq=False)
class HistogramObserver(AbstractObserver):
    """A histogram and the rule that reads it. Several rules may share one histogram; update one of them."""

    rule: HistogramCalibrator
    histogram: Histogram

    @property
    def dead(self) -> bool:
        """Whether all it saw was zero: the range then is a harmless one, not a measured one."""
        return self.histogram.count > 0 and negligible(self.histogram.low, self.histogram.high)

    def update(self, values: torch.Tensor) -> None:
        self.histogram.update(values)

    def range(self, bits: int, symmetric: bool) -> tuple[float, float]:
        check_bits(bits)
        require_seen(self.histogram.count)
        if self.dead:
            return span(0.0, 0.0, symmetric)
        return span(*self.rule.choose(self.histogram, bits, symmetric), symmetric)

    def state(self) -> dict[str, torch.Tensor]:
        return self.histogram.state()


def _edge(key: Array) -> Array:
    """The smallest float32 with this key, as float64, in which the one after the last octave is finite too."""
    edge: Array = np.ldexp(1 + (key % PER_OCTAVE) / PER_OCTAVE, key // PER_OCTAVE - 127)
    return edge
