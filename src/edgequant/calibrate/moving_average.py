"""Exponential moving average of each batch's extremes: the range that training-time observers learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import torch

from ..core.errors import BadOption
from .bounds import check_bits, extremes, in_memory_order, negligible, require_seen, span
from .calibrator import AbstractCalibrator, AbstractObserver
from .minmax import pack, unpack


@final
@dataclass
class MovingAverageObserver(AbstractObserver):
    """`average = momentum * average + (1 - momentum) * batch`, for the minimum and for the maximum.

    The first batch sets the average, as in torch.ao.quantization.MovingAverageMinMaxObserver (whose
    averaging_constant is 1 - momentum). TensorFlow's assign_moving_average, behind TF-MOT's
    MovingAverageQuantizer, has the same recurrence from fixed initial values. The order and the size of the
    batches matter; of all the methods this is the only one where they do.
    """

    momentum: float
    low: float = 0.0
    high: float = 0.0
    count: int = 0

    @property
    def dead(self) -> bool:
        """Whether the averages are zero: the range then is a harmless one, not a measured one."""
        return self.count > 0 and negligible(self.low, self.high)

    def update(self, values: torch.Tensor) -> None:
        if values.numel():
            low, high = extremes(in_memory_order(values))
            keep = self.momentum if self.count else 0.0
            self.low = keep * self.low + (1 - keep) * low
            self.high = keep * self.high + (1 - keep) * high
            self.count += values.numel()

    def range(self, bits: int, symmetric: bool) -> tuple[float, float]:
        check_bits(bits)
        require_seen(self.count)
        return span(self.low, self.high, symmetric)

    def state(self) -> dict[str, torch.Tensor]:
        return pack(self.low, self.high, self.count)


@final
@dataclass(frozen=True)
class MovingAverage(AbstractCalibrator):
    """Range = the moving average of the batches' minima and maxima."""

    momentum: float = 0.9  # weight of the past; 0: the last batch alone

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise BadOption(f"moving_average: momentum is at least 0 and below 1. Got {self.momentum}.")

    def observer(self) -> MovingAverageObserver:
        return MovingAverageObserver(self.momentum)

    def restore(self, state: Mapping[str, torch.Tensor]) -> MovingAverageObserver:
        """From what `state` gave, with this calibrator's momentum."""
        return MovingAverageObserver(self.momentum, *unpack(state))
