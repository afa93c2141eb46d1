"""Images that are stored at one size, at the size a network takes, and fewer of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from ..core.arrays import Array
from ..core.errors import BadData
from ..core.image import InputSpec
from .dataset import AbstractSplit, Splits
from .decode import MODES, check_channels, fit
from .draw import calibration_subset
from .splits import fingerprint

SUBSET_SEED = 31415  # of the draw; it never changes, so that two studies share their subset


@final
@dataclass(frozen=True)
class Rescaled(AbstractSplit):
    """Another split's uint8 images at the size of `inputs`, scaled each time they are asked for: memory stays small."""

    parent: AbstractSplit
    inputs: InputSpec

    @property
    def labels(self) -> Array | None:
        return self.parent.labels

    @property
    def strata(self) -> Array | None:
        return self.parent.strata

    def annotations(self, positions: Array) -> Any:
        return self.parent.annotations(positions)

    @property
    def indices(self) -> Array:
        return self.parent.indices

    def take(self, positions: Array) -> Array:
        """(n, H, W, C) uint8, scaled and cropped as `inputs` says, in grey or colour as it takes them."""
        from PIL import Image

        shape = (self.inputs.height, self.inputs.width, self.inputs.channels)
        stored = self.parent.take(positions)
        modes = stored[..., 0] if stored.shape[3] == 1 else stored
        turned = (Image.fromarray(one).convert(MODES[shape[2]]) for one in modes)
        scaled = [np.asarray(fit(one, self.inputs, Path("an image of the set"))) for one in turned]
        return np.array(scaled, np.uint8).reshape(len(stored), *shape)


def rescaled(splits: Splits, inputs: InputSpec) -> Splits:
    """All three splits at the size of `inputs`, in its channels; the note says how they got there.

    Raises BadData where the channels are not those of images, or the pixels no bytes.
    """
    check_channels(inputs)
    first = splits.train.take(np.arange(1))
    if first.dtype != np.uint8 or first.shape[3] not in MODES:
        raise BadData(
            f"Images are scaled as bytes, grey or RGB. Got {first.dtype} of {first.shape[3]} channels: store them as"
            " uint8, or at the size that the network takes."
        )
    how = f"{inputs.interpolation}, {'antialiased' if inputs.antialias else 'without antialiasing'}"
    ways = {"crop": f", from a shorter side of {inputs.resize} cropped at the centre"} if inputs.resize else {}
    fitted = {"crop": ", cropped at the centre", "letterbox": ", letterboxed", **ways}.get(inputs.fitted, "")
    return replace(
        splits,
        train=Rescaled(splits.train, inputs),
        validation=Rescaled(splits.validation, inputs),
        test=None if splits.test is None else Rescaled(splits.test, inputs),
        fingerprint=fingerprint(splits.fingerprint, repr(inputs)),
        note=f"{splits.note} Images are scaled to {inputs.height}x{inputs.width} ({how}{fitted}).".strip(),
    )


def fewer(splits: Splits, train: int, validation: int) -> Splits:
    """Only so many images of train and of validation, class-balanced and always the same; 0: all of them.

    Raises BadData where a split has fewer.
    """
    if not train and not validation:
        return splits
    kept, held = _draw(splits.train, train, "train"), _draw(splits.validation, validation, "validation")
    note = f"Class-balanced subsets: {len(kept):,} training and {len(held):,} validation images."
    return replace(
        splits,
        train=kept,
        validation=held,
        fingerprint=fingerprint(splits.fingerprint, kept.indices, held.indices),
        note=f"{splits.note} {note}".strip(),
    )


def _draw(split: AbstractSplit, count: int, name: str) -> AbstractSplit:
    if not count:
        return split
    if not 0 < count <= len(split):
        raise BadData(f"{name}={count} was asked for, and the split has {len(split):,} images. Ask for 1 to that many.")
    return calibration_subset(split, count, SUBSET_SEED, allow_few=True)
