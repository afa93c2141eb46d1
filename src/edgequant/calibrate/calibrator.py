"""How the range of an activation is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


class AbstractObserver(ABC):
    """What one tensor's values were. Streaming: memory does not grow with the number of batches."""

    @abstractmethod
    def update(self, values: torch.Tensor) -> None:
        """See one more batch of the tensor, any shape, float32."""

    @abstractmethod
    def range(self, bits: int, symmetric: bool) -> tuple[float, float]:
        """(low, high), low <= 0 <= high, for a grid of `2**bits` steps. Raises BadData where it saw nothing."""


class AbstractCalibrator(ABC):
    """A way to choose the range of an activation."""

    @abstractmethod
    def observer(self) -> AbstractObserver: ...
