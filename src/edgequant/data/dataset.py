"""A source of images, and its splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.image import InputSpec
from ..host.prefetch import ahead


class AbstractSplit(ABC):
    """Images with random access, and what is known of each. Bounded memory: nothing is decoded before `take`.

    A split of classes gives `labels`, from which the rest follows. One of boxes, masks or points has no labels, and
    gives `annotations` and `strata` itself.
    """

    @property
    @abstractmethod
    def labels(self) -> Array | None:
        """(N,) int64 class indices, for what means classes; None where the set is unlabelled, or of another task."""

    @property
    def strata(self) -> Array | None:
        """(N,) int64: of which kind each image is, for what draws, cuts and balances; None where nothing is known."""
        return self.labels

    def annotations(self, positions: Array) -> Any:
        """What is true of the images at these positions, for their task alone to read; None where nothing is known."""
        return None if self.labels is None else self.labels[positions]

    @property
    @abstractmethod
    def indices(self) -> Array:
        """(N,) int64: which images of the source these are. Recorded, so that nobody has to guess."""

    @abstractmethod
    def take(self, positions: Array) -> Array:
        """(n, H, W, C) uint8 images (or float32, already in 0..255) at these positions."""

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, size: int) -> Iterator[tuple[Array, Any]]:
        """(images, annotations) in order, `size` at a time; the last one may be smaller.

        The next batch is decoded while the caller works on this one, so two are in memory.
        """
        chunks = [np.arange(len(self))[at : at + size] for at in range(0, len(self), size)]
        for where, images in zip(chunks, ahead(self.take, chunks)):
            yield images, self.annotations(where)


class AbstractDataset(ABC):
    """A source of images."""

    @abstractmethod
    def image_shape(self) -> tuple[int, int, int] | None:
        """(C, H, W) of the images as they are stored; None where each has a size of its own."""

    @abstractmethod
    def load(self, inputs: InputSpec) -> Splits:
        """The splits, decoded to `inputs.shape`. Raises BadData."""


@dataclass(frozen=True)
class Splits:
    """A data set cut once and for all: disjoint splits, and which source indices went where."""

    classes: tuple[str, ...]
    train: AbstractSplit  # calibration subsets are drawn from it
    validation: AbstractSplit  # every choice is made on it
    test: AbstractSplit | None  # touched once per variant; None: the set is unlabelled
    fingerprint: str  # sha256 of the content; names cached steps
    note: str = ""  # anything a reader of the report must know about the cut
    held_out: bool = False  # validation was cut from the images that the set gives for training
