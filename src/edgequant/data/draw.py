"""A few images of a split that stand for all of them: dealt class by class, the same ones every time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import Array
from .dataset import AbstractSplit
from .splits import Subset

SEED = 0


def drawn(split: AbstractSplit, count: int, seed: int = SEED) -> AbstractSplit:
    """`count` images in the split's own order, as many of each class as there are; all of them for 0, or for too many.

    Without labels they are drawn uniformly. The first images of a folder would all be of one class.
    """
    if not 0 < count < len(split):
        return split
    return Subset(split, np.sort(dealt(split, np.random.default_rng(seed))[:count]))


def dealt(split: AbstractSplit, rng: np.random.Generator) -> Array:
    """All positions of a split in random order, the classes taking turns as long as each has images left."""
    order = rng.permutation(len(split))
    return order if split.labels is None else order[np.argsort(_turn(split.labels[order]), kind="stable")]


def asked(count: int) -> dict[str, Any]:
    """What decides a draw, for the key of a step that computes on it."""
    return {"images": count, "draw": f"class-balanced, seed {SEED}" if count else "all"}


def words(count: int) -> str:
    """`a class-balanced draw of 200 images`."""
    return f"a class-balanced draw of {count} image{'s' * (count != 1)}"


def _turn(labels: Array) -> Array:
    """For each label, how many equal ones come before it. Taking the lowest turns first deals the classes evenly."""
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    turn = np.empty(len(labels), np.int64)
    turn[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return turn
