"""What calibration images are, against images that the network will see: the same pixels, or which others.

A set that differs is taken back through each way of preprocessing that people mix up. The one that makes the
difference vanish is its explanation, which is worth more than a p-value: it says what to undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.image import InputSpec
from ..dataset import AbstractSplit
from .statistics import BATCH, neighbour_likeness, some, split_statistics, statistics
from .two_sample import ALPHA, Comparison, compare, matched

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # of pixels / 255, RGB
EXPLAINS = (
    0.01  # a reading must make the images alike, not merely no longer provably different; the right one does in 99%
)
Undo = Callable[[Array], Array]


@dataclass(frozen=True)
class Reading:
    """A way in which an array may hold images, and how to get (n, H, W, C) pixels in 0..255 back."""

    words: str
    healthy: bool
    undo: Undo


@dataclass(frozen=True)
class Fit:
    """`reading`: as what the images are those of the reference; None: as nothing known. `noise`: as good as shuffled.

    `difference` is of the images taken as the pixels that they should be, None where their shape alone rules it out.
    """

    reading: Reading | None
    difference: Comparison | None
    noise: bool

    @property
    def healthy(self) -> bool:
        return self.reading is not None and self.reading.healthy

    @property
    def preprocessing(self) -> str:
        """How the images are preprocessed otherwise; empty where they are not."""
        return self.reading.words if self.reading is not None and not self.reading.healthy else ""

    @property
    def seen(self) -> str:
        return "the shape of other images" if self.difference is None else self.difference.seen


def fit(images: Array, strata: Array | None, reference: AbstractSplit, inputs: InputSpec) -> Fit:
    """`images`: what calibrated, (n, H, W, C) or any other layout, any type; `reference`: what will be seen."""
    there = split_statistics(reference, matched(strata, reference.strata, some(reference)))
    tried: list[tuple[Reading, Comparison]] = []
    for reading in readings(inputs):
        here = _statistics(reading, images, inputs)
        if here is not None:
            tried.append((reading, compare(here, there)))
            if reading.healthy and tried[-1][1].same:
                return Fit(reading, tried[-1][1], False)
    as_pixels = next((found for reading, found in tried if reading.healthy), None)
    best = max(tried, key=lambda one: one[1].p, default=None)
    explained = best[0] if best is not None and best[1].p >= EXPLAINS else None
    return Fit(explained, as_pixels, explained is None and is_noise(images))


def readings(inputs: InputSpec) -> Iterator[Reading]:
    """Healthy ones first; of the others, the simpler first."""
    scales = list(_scales(inputs))
    yield from scales
    for scale in scales if inputs.channels == 3 else ():
        words = "" if scale.healthy else f"{scale.words}, and "
        yield Reading(f"{words}BGR where RGB was expected", False, _then(scale.undo, lambda x: x[..., ::-1]))
    for scale in scales:
        words = "" if scale.healthy else f"{scale.words}, and "
        yield Reading(f"{words}channels first where channels last was expected", False, _then(_last, scale.undo))
        yield Reading(f"{words}height and width swapped", False, _then(lambda x: x.transpose(0, 2, 1, 3), scale.undo))
        yield Reading(f"{words}channels first, read as channels last", False, _then(_reread, scale.undo))
    yield Reading("inverted: 255 is black and 0 is white", False, lambda x: 255 - x)


def _scales(inputs: InputSpec) -> Iterator[Reading]:
    mean, std = (np.array(v, np.float64) * 255 for v in (inputs.mean, inputs.std))
    yield Reading("pixels in 0..255", True, lambda x: x)
    yield Reading("as the network sees them, (pixel / 255 - mean) / std", True, lambda x: x * std + mean)
    yield Reading("values in 0..1 where 0..255 was expected", False, lambda x: x * 255)
    yield Reading("values in -1..1 where 0..255 was expected", False, lambda x: (x + 1) * 127.5)
    if inputs.channels == 3:
        centre, spread = (np.array(v) * 255 for v in IMAGENET)
        yield Reading("normalised with ImageNet's mean and std", False, lambda x: x * spread + centre)
        yield Reading("without ImageNet's mean, not divided", False, lambda x: x + centre)
    yield Reading("divided by 255 twice", False, lambda x: x * 255 * 255)
    yield Reading("moved down by 128, as int8", False, lambda x: x + 128)


def is_noise(images: Array) -> bool:
    """Whether neighbours in the images are no more alike than in the same images with all pixels shuffled."""
    from scipy.stats import ks_2samp

    if images.ndim != 4 or min(images.shape[1:3]) < 3 or len(images) < 2:
        return False
    grey = images.astype(np.float64).mean(3)
    shuffled = np.random.default_rng(0).permuted(grey.reshape(len(grey), -1), axis=1).reshape(grey.shape)
    alike = float(ks_2samp(neighbour_likeness(grey), neighbour_likeness(shuffled), method="asymp").pvalue)
    return alike >= ALPHA and float(grey.std((1, 2)).max()) > 0


def _statistics(reading: Reading, images: Array, inputs: InputSpec) -> dict[str, Array] | None:
    """In batches, so that memory does not grow with the set; None where the images cannot be read so."""
    parts: list[dict[str, Array]] = []
    for at in range(0, len(images), BATCH):
        pixels = pixels_as(reading, images[at : at + BATCH], inputs)
        if pixels is None:
            return None
        parts.append(statistics(pixels))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def pixels_as(reading: Reading, images: Array, inputs: InputSpec) -> Array | None:
    """Whole pixels in 0..255; None where the reading does not give images of this shape, or not such pixels."""
    try:
        pixels = reading.undo(images.astype(np.float64))
    except ValueError:  # the array's shape does not allow this reading
        return None
    if pixels.shape[1:] != (inputs.height, inputs.width, inputs.channels):
        return None
    return np.clip(np.rint(pixels), 0, 255)


def _then(first: Undo, second: Undo) -> Undo:
    return lambda x: second(first(x))


def _last(x: Array) -> Array:
    """(n, C, H, W) -> (n, H, W, C)."""
    return x.transpose(0, 2, 3, 1)


def _reread(x: Array) -> Array:
    """Channels-first values in an array that says channels last: reshaped where it should have been transposed."""
    n, h, w, c = x.shape
    if c == 1:
        raise ValueError("of one channel both layouts are the same")
    return x.reshape(n, c, h, w).transpose(0, 2, 3, 1)
