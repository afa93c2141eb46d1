"""How the range of an activation is chosen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

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


class Storable(Protocol):
    """An observer that can say what it saw, to be kept. All of ours can."""

    def state(self) -> dict[str, torch.Tensor]: ...


Observer = TypeVar("Observer", bound=AbstractObserver, covariant=True)


@runtime_checkable
class Restores(Protocol[Observer]):
    """A calibrator whose observers are `Storable`, and which makes one from such a state. All of ours are."""

    def restore(self, state: Mapping[str, torch.Tensor]) -> Observer: ...
