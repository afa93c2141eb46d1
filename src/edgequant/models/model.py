"""An architecture, and where its weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..core.image import InputSpec
from ..graph.capture.judge import Judge

if TYPE_CHECKING:
    from torch import nn


class AbstractModel(ABC):
    """An architecture, and where its weights come from."""

    unsure: ClassVar[bool] = False  # whether `has_weights` is so is found by building it twice

    @property
    def has_weights(self) -> bool:
        """Whether `build` gives a network that was trained."""
        return False

    def with_weights(self, weights: str) -> AbstractModel:  # noqa: ARG002
        """The model, told of weights (a file) that the user gives: it need not fetch its own, or reads these itself."""
        return self

    def loads(self, weights: str) -> bool:  # noqa: ARG002
        """Whether `build` gives the network with these weights of the user's, so that nobody loads them after."""
        return False

    @abstractmethod
    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        """What the network takes, given what the data set has. Raises BadModel where they do not fit."""

    @abstractmethod
    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        """The network with fresh weights; float32 `(N, C, H, W)` in, `(N, classes)` scores out."""

    def judge(self, module: nn.Module, inputs: InputSpec) -> Judge | None:  # noqa: ARG002
        """The source's own runtime, for `module` as `build` gave it; None where that is PyTorch."""
        return getattr(module, "judge", None)
