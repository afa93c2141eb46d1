"""An architecture, and where its weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from ..core.image import InputSpec
from ..graph.capture.judge import Judge

if TYPE_CHECKING:
    from torch import nn


class AbstractModel(ABC):
    """An architecture, and where its weights come from."""

    @abstractmethod
    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        """What the network takes, given what the data set has. Raises BadModel where they do not fit."""

    @abstractmethod
    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        """The network with fresh weights; float32 `(N, C, H, W)` in, `(N, classes)` scores out."""

    def judge(self, module: nn.Module, inputs: InputSpec) -> Judge | None:  # noqa: ARG002
        """The source's own runtime, for `module` as `build` gave it; None where that is PyTorch."""
        return getattr(module, "judge", None)
