"""A correction on top of a recipe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.arrays import Array
from ..core.image import InputSpec
from ..core.progress import Tick

if TYPE_CHECKING:
    from torch import nn

    from ..graph.program import Captured
    from ..quantization.reference import Reference
    from ..train.training import Training


class AbstractRefiner(ABC):
    """A correction on top of a recipe. Each composes with any recipe and says what it changed."""

    trains: ClassVar[bool] = False  # it has a `train`, which takes minutes or hours and is kept on its own
    shrinks: ClassVar[bool] = False  # it has a `shrink`, which takes channels out before the network is captured
    teaches: ClassVar[bool] = False  # it has an `objective`, and needs a refiner before it that trains

    @abstractmethod
    def network(self, captured: Captured) -> Captured:
        """Before calibration: a network that computes the same in float and quantizes better; or `captured` itself."""

    @abstractmethod
    def reference(self, reference: Reference, images: Array, tick: Tick) -> Reference:
        """After calibration: better integers, found on unlabelled `(n, H, W, C)` pixels; or `reference` itself."""

    def idle(self, weight_bits: Collection[int]) -> str:  # noqa: ARG002
        """Why it has nothing to do in a recipe that gives layers these widths, and what to write; "" where it has."""
        return ""

    def shrink(self, module: nn.Module, inputs: InputSpec, training: Training, tick: Tick) -> list[Any]:  # noqa: ARG002
        """Where `shrinks`: take channels out of `module`, in place, and train it; which went, for `pruning.rebuild`."""
        return []

    def train(self, reference: Reference, training: Training, tick: Tick) -> Reference:  # noqa: ARG002
        """Where `trains`, after `reference`: what training on the images of the splits made of it."""
        return reference

    def objective(self, training: Training) -> Training:
        """Where `teaches`: another loss, or other labels, for the refiner that trains."""
        return training
