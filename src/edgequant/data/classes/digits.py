"""scikit-learn's digits: real handwritten digits that need no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core.arrays import Array
from ...core.extras import need
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..splits import ArraySplit, check_shape, fingerprint, stratified

TEST, VALIDATION = 360, 200  # of 1,797; 1,237 remain to train and calibrate on


@final
@dataclass(frozen=True)
class Digits(AbstractDataset):
    """1,797 images of 8x8 pixels (Alpaydin and Kaynak, 1998, UCI), cut once, stratified: 1,237 / 200 / 360.

    The set ships inside scikit-learn: `root` is accepted as every data set accepts it, and not read.
    """

    root: str = ""

    def image_shape(self) -> tuple[int, int, int] | None:
        return (1, 8, 8)

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData where the network does not take (1, 8, 8)."""
        check_shape((1, 8, 8), inputs, "digits")
        images, labels = read_digits()
        pool, test = stratified(labels, TEST)
        kept, held = stratified(labels[pool], VALIDATION)
        return Splits(
            classes=tuple("0123456789"),
            train=ArraySplit(images, labels, pool[kept]),
            validation=ArraySplit(images, labels, pool[held]),
            test=ArraySplit(images, labels, test),
            fingerprint=fingerprint(images, labels, pool[kept], pool[held], test),
            note="scikit-learn's digits have no official test set; this cut is fixed and stratified.",
        )


def read_digits() -> tuple[Array, Array]:
    """(1797, 8, 8, 1) uint8 images, their 17 grey levels spread over 0..255, and (1797,) int64 labels."""
    levels, labels = need("digits", "sklearn.datasets", "The data set `digits`").load_digits(return_X_y=True)
    images = np.round(levels * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    return images, labels.astype(np.int64)
