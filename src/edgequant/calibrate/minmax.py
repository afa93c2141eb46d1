"""Min-max: every value seen is representable, and one outlier costs everybody else their resolution."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch

from .bounds import check_bits, extremes, in_memory_order, negligible, require_seen, span
from .calibrator import AbstractCalibrator, AbstractObserver


@dataclass
class ExtremesObserver(AbstractObserver):
    """An observer that keeps two ends, and takes them for the range as they are."""

    low: float = math.inf
    high: float = -math.inf
    count: int = 0

    @property
    def dead(self) -> bool:
        """Whether both ends are zero, as are all values then: the range then is a harmless one, not a measured one."""
        return self.count > 0 and negligible(self.low, self.high)

    def range(self, bits: int, symmetric: bool) -> tuple[float, float]:
        check_bits(bits)
        require_seen(self.count)
        return span(self.low, self.high, symmetric)

    def state(self) -> dict[str, torch.Tensor]:
        return pack(self.low, self.high, self.count)


@final
@dataclass
class MinMaxObserver(ExtremesObserver):
    """The extremes of all values seen, exact."""

    def update(self, values: torch.Tensor) -> None:
        if values.numel():
            low, high = extremes(in_memory_order(values))
            self.low, self.high = min(self.low, low), max(self.high, high)
            self.count += values.numel()


@final
@dataclass(frozen=True)
class MinMax(AbstractCalibrator):
    """Range = the smallest and the largest value seen."""

    def observer(self) -> MinMaxObserver:
        return MinMaxObserver()

    def restore(self, state: Mapping[str, torch.Tensor]) -> MinMaxObserver:
        """From what `state` gave; a histogram's state will do too, since it keeps exact extremes."""
        return MinMaxObserver(*unpack(state))


def pack(low: float, high: float, count: int) -> dict[str, torch.Tensor]:
    """The extremes and the number of values as tensors, float64 and int64, each of shape ()."""
    return {
        "low": torch.tensor(low, dtype=torch.float64),
        "high": torch.tensor(high, dtype=torch.float64),
        "count": torch.tensor(count),
    }


def unpack(state: Mapping[str, torch.Tensor]) -> tuple[float, float, int]:
    return float(state["low"]), float(state["high"]), int(state["count"])
