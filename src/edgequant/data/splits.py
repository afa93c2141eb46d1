"""Splits held in memory, and the one way a training set is cut into train and validation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from ..core.arrays import Array
from ..core.errors import BadData
from ..core.image import InputSpec
from .dataset import AbstractSplit, Splits

VALIDATION_SEED = 2718  # of the cut itself; it never changes, so that two studies share their splits


@final
@dataclass(frozen=True)
class ArraySplit(AbstractSplit):
    """Some rows of an array of images `(M, H, W, C)` and of its labels `(M,)`."""

    source: Array
    source_labels: Array | None
    rows: Array

    @property
    def labels(self) -> Array | None:
        return None if self.source_labels is None else self.source_labels[self.rows]

    @property
    def indices(self) -> Array:
        return self.rows

    def take(self, positions: Array) -> Array:
        return self.source[self.rows[positions]]


@final
@dataclass(frozen=True)
class Subset(AbstractSplit):
    """Some positions of another split."""

    parent: AbstractSplit
    positions: Array

    @property
    def labels(self) -> Array | None:
        return None if self.parent.labels is None else self.parent.labels[self.positions]

    @property
    def strata(self) -> Array | None:
        return None if self.parent.strata is None else self.parent.strata[self.positions]

    def annotations(self, positions: Array) -> Any:
        return self.parent.annotations(self.positions[positions])

    @property
    def indices(self) -> Array:
        return self.parent.indices[self.positions]

    def take(self, positions: Array) -> Array:
        return self.parent.take(self.positions[positions])


def stratified(strata: Array, held_out: int, seed: int = VALIDATION_SEED) -> tuple[Array, Array]:
    """Row numbers (kept, held out), disjoint, sorted; each stratum gives its share of `held_out` (largest remainder).

    `strata` (N,) int64: the classes of images, or another number by which they are alike.
    """
    rng = np.random.default_rng(seed)
    kinds, counts = np.unique(strata, return_counts=True)
    quota = held_out * counts / counts.sum()
    give = np.floor(quota).astype(int)
    give[np.argsort(give - quota, kind="stable")[: held_out - give.sum()]] += 1
    chosen = [rng.permutation(np.flatnonzero(strata == kind))[:n] for kind, n in zip(kinds, give)]
    out = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(strata)), out), out


def check_labels(labels: Array, classes: int, where: str) -> Array:
    """`labels` as int64. Raises BadData where one is outside 0..classes-1."""
    wide = labels.astype(np.int64)
    if len(wide) and (wide.min() < 0 or wide.max() >= classes):
        raise BadData(
            f"{where} has a label {wide.max() if wide.max() >= classes else wide.min()}, outside 0..{classes - 1}."
            " Check that the labels are class indices, starting at 0."
        )
    return wide


def check_shape(shape: tuple[int, int, int], inputs: InputSpec, where: str) -> None:
    """Raises BadData where stored images, (C, H, W), are not what the network takes: nothing is resized in silence."""
    if shape != inputs.shape:
        has, wants = ("x".join(map(str, one)) for one in (shape, inputs.shape))
        raise BadData(
            f"{where} has {has} images (channels x height x width) and the network takes {wants}."
            f" {_mended(shape, inputs)}, or name a network that takes {has}, such as micro_cnn."
        )


def _mended(shape: tuple[int, int, int], inputs: InputSpec) -> str:
    """What to type to have the images as the network takes them."""
    if shape[1:] != inputs.shape[1:]:
        return "Say --fit stretch, crop or letterbox to have them scaled"
    return f"Say --channels {inputs.colours} to have them in {'grey' if inputs.channels == 1 else 'colour'}"


def with_test_set(
    classes: tuple[str, ...], train: tuple[Array, Array], test: tuple[Array, Array], held_out: int, note: str = ""
) -> Splits:
    """Splits of a set that comes with a test set of its own: `held_out` training images become validation.

    `train` and `test` are (images (N, H, W, C), labels (N,) int64). The indices of the test split count within
    the test set. Raises BadData where there is too little to cut.
    """
    if not 0 < held_out < len(train[1]) or not len(test[1]):
        raise BadData(
            f"There are {len(train[1])} training images, {held_out} of them for validation, and {len(test[1])} test"
            " images. Expected some of each: name a larger data set."
        )
    kept, held = stratified(train[1], held_out)
    return Splits(
        classes=classes,
        train=ArraySplit(*train, kept),
        validation=ArraySplit(*train, held),
        test=ArraySplit(*test, np.arange(len(test[1]))),
        fingerprint=fingerprint(*classes, *train, *test, kept, held),
        note=note,
        held_out=True,
    )


def count_note(train: int, test: int, official: tuple[int, int]) -> str:
    """A line for the report where a well-known set has not its official number of images; else empty."""
    if (train, test) == official:
        return ""
    return (
        f"Not the official set: it has {train:,} training and {test:,} test images;"
        f" the official one has {official[0]:,} and {official[1]:,}."
    )


def fingerprint(*parts: Array | str) -> str:
    """sha256 over the content, type and shape of arrays and over texts, each told apart from its neighbour."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            text = part.encode(errors="surrogateescape")  # of a file name that is no UTF-8
            digest.update(b"text %d " % len(text) + text)
        else:
            digest.update(f"array {part.dtype.str} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()
