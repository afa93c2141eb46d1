"""Percentile: leave the rarest values out of the range, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..core.errors import BadData, BadOption
from .bounds import negligible
from .histogram import Histogram, HistogramCalibrator


@final
@dataclass(frozen=True)
class Percentile(HistogramCalibrator):
    """Range = the central q% of the values; q = 100 is min-max.

    Symmetric: the q-th percentile of |value|. Asymmetric: (100 - q) / 2 percent are cut at either end, as in
    ONNX Runtime's PercentileCalibrater (onnxruntime/python/tools/quantization/calibrate.py).
    """

    q: float = 99.99  # percent of the values inside the range

    def __post_init__(self) -> None:
        if not 50 < self.q <= 100:
            raise BadOption(f"percentile: q is above 50 and at most 100 (percent). Got {self.q}.")

    def choose(self, histogram: Histogram, bits: int, symmetric: bool) -> tuple[float, float]:  # noqa: ARG002
        """(low, high) of a histogram. Raises BadData where all values but the cut ones are zero."""
        if self.q == 100:
            return histogram.low, histogram.high
        low, high = self._symmetric(histogram) if symmetric else self._asymmetric(histogram)
        if negligible(low, high):
            raise BadData(
                f"The central {self.q}% of a tensor's {histogram.count} values are all zero, which leaves no range"
                f" for the others, up to {histogram.peak:.6g}. Raise percentile's q, or use minmax or mse."
            )
        return low, high

    def _symmetric(self, histogram: Histogram) -> tuple[float, float]:
        limit = min(histogram.cells(magnitudes=True).quantile(self.q / 100), histogram.peak)
        return -limit, limit

    def _asymmetric(self, histogram: Histogram) -> tuple[float, float]:
        cells, cut = histogram.cells(), (100 - self.q) / 200
        low, high = cells.quantile(cut), cells.quantile(1 - cut)
        return max(low, histogram.low), min(high, histogram.high)
