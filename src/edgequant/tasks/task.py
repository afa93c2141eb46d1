"""What a network is for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.arrays import Array, Outputs

if TYPE_CHECKING:
    import torch

Terms = Mapping[str, Array]  # name -> (N, ...): what each image by itself adds to the metric


@dataclass(frozen=True)
class Metric:
    """How good predictions are, and how sure that is. `value`, `ci95` and `others` are fractions; higher is better."""

    name: str
    value: float
    ci95: tuple[float, float]
    others: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Drop:
    """What one set of predictions loses against another on the same images, in points of the metric; above 0: worse."""

    value: float
    ci95: tuple[float, float]  # of a paired bootstrap over images
    limits: tuple[float, float]  # what a promise ("loses at most") is held against; has a width where nothing changed
    p_value: float  # two-sided, of "neither is better"


class AbstractTask(ABC):
    """From a network's outputs to a figure: classes, boxes, masks, points or vectors.

    Predictions and annotations are the task's own: whoever hands them on does not look into them. The terms of an
    image depend on that image alone, so those of a draw with repetition are a draw from the terms.
    """

    @abstractmethod
    def predict(self, outputs: Outputs) -> Any:
        """Of all images of the outputs, name -> (N, ...). Raises BadModel where these are another task's."""

    @abstractmethod
    def terms(self, predictions: Any, annotations: Any) -> Terms:
        """Raises BadData where the annotations (`AbstractSplit.annotations`) are not of such predictions."""

    @abstractmethod
    def metric(self, terms: Terms) -> Metric:
        """Over one image at least."""

    @abstractmethod
    def drop(self, base: Terms, terms: Terms, seed: int) -> Drop:
        """From `base` to `terms`. Raises BadData where they are not of the same images."""

    @abstractmethod
    def agreement(self, base: Any, predictions: Any) -> dict[str, Any]:
        """{"value", "ci95", "n"} of predictions with those of float32 on the same images: what there is to go by
        without annotations. Fractions.
        """

    @abstractmethod
    def loss(self, outputs: Mapping[str, torch.Tensor], annotations: Any) -> torch.Tensor:
        """What training makes small, (), of one batch of raw outputs."""
