"""Exponential moving average of each batch's extremes: the range that training-time observers learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import torch

from ..core.errors import BadOption
from .bounds import extremes, in_memory_order
from .calibrator import AbstractCalibrator
from .minmax import ExtremesObserver, unpack


@final
@dataclass
class MovingAverageObserver(ExtremesObserver):
    """`average = momentum * average + (1 - momentum) * batch`, for the minimum and for the maximum.

    The first batch sets the average, as in torch.ao.quantization.MovingAverageMinMaxObserver (whose
    averaging_constant is 1 - momentum). TensorFlow's assign_moving_average, behind TF-MOT's
    MovingAverageQuantizer, has the same recurrence from fixed initial values. The order and the size of the
    batches matter; of all the methods this is the only one where they do.
    """

    low: float = 0.0  # finite, for the first batch multiplies them by zero
    high: float = 0.0
    momentum: float = field(kw_only=True)

    def update(self, values: torch.Tensor) -> None:
        if values.numel():
            low, high = extremes(in_memory_order(values))
            keep = self.momentum if self.count else 0.0
            self.low = keep * self.low + (1 - keep) * low
            self.high = keep * self.high + (1 - keep) * high
            self.count += values.numel()


@final
@dataclass(frozen=True)
class MovingAverage(AbstractCalibrator):
    """Range = the moving average of the batches' minima and maxima."""

    momentum: float = 0.9  # weight of the past; 0: the last batch alone

    def __post_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise BadOption(f"moving_average: momentum is at least 0 and below 1. Got {self.momentum}.")

    def observer(self) -> MovingAverageObserver:
        return MovingAverageObserver(momentum=self.momentum)

    def restore(self, state: Mapping[str, torch.Tensor]) -> MovingAverageObserver:
        """From what `state` gave, with this calibrator's momentum."""
        return MovingAverageObserver(*unpack(state), momentum=self.momentum)
