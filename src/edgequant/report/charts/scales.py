"""Domains and ticks of an axis, worked out here so that labels can be placed in the same pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """`low..high` over `length` pixels, logarithmic or linear."""

    low: float
    high: float
    length: float
    log: bool

    def pixel(self, value: float) -> float:
        """Pixels from the low end."""
        low, high, at = (self._scaled(v) for v in (self.low, self.high, value))
        return self.length * (at - low) / (high - low)

    def value(self, pixel: float) -> float:
        """The inverse of `pixel`."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        at = low + (high - low) * pixel / self.length
        return math.exp(at) if self.log else at

    def ticks(self) -> list[float]:
        """Round values inside the domain: 1, 2, 5 of each decade, or about six equal steps."""
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            every = [round(m * 10.0**e, 12) for e in range(first, last + 1) for m in (1, 2, 5)]
            return [tick for tick in every if self.low <= tick <= self.high]
        raw = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [round(k * step, 12) for k in range(first, math.floor(self.high / step + 1e-9) + 1)]

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else value


def cost_axis(values: Sequence[float], length: float) -> Axis:
    """For milliseconds or bytes, all above zero: logarithmic, since a step to the left is a ratio."""
    return Axis(min(values) / 1.6, max(values) * 1.6, length, log=True)


def value_axis(values: Sequence[float], length: float) -> Axis:
    """For accuracies: linear, as wide as the points and a margin, within 0..1."""
    margin = max(0.12 * (max(values) - min(values)), 0.005)
    return Axis(max(0.0, min(values) - margin), min(1.0, max(values) + margin), length, log=False)
