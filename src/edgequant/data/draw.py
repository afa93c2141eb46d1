"""A few images of a split that stand for all of them: dealt class by class, the same ones every time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import BadData
from .dataset import AbstractSplit
from .splits import Subset

# Of n exchangeable images, the next one passes the largest value that n gave a tensor with probability 1 / (n + 1),
# whatever the distribution; so too at the lower end. A tensor's range is then too narrow for 2 / (n + 1) of all images.
DEFAULT = 500  # where nobody said how many, and there are as many
FEWEST = 100  # 2.0% of images; below this, `allow_few` has to say so
ADVISED = 300  # 0.7% of images; below this, a warning

SEED = 0


def drawn(split: AbstractSplit, count: int, seed: int = SEED) -> AbstractSplit:
    """`count` images in the split's own order, as many of each class as there are; all of them for 0, or for too many.

    Without labels they are drawn uniformly. The first images of a folder would all be of one class.
    """
    if not 0 < count < len(split):
        return split
    return Subset(split, np.sort(dealt(split, np.random.default_rng(seed))[:count]))


def dealt(split: AbstractSplit, rng: np.random.Generator) -> Array:
    """All positions of a split in random order, its strata (classes) taking turns as long as each has images left."""
    order, strata = rng.permutation(len(split)), split.strata
    if strata is None:
        return order
    # For each image, how many of its stratum come before it. Taking the lowest turns first deals the strata evenly.
    by_stratum = np.argsort(strata[order], kind="stable")
    _, starts, counts = np.unique(strata[order][by_stratum], return_index=True, return_counts=True)
    turn = np.empty(len(order), np.int64)
    turn[by_stratum] = np.arange(len(order)) - np.repeat(starts, counts)
    return order[np.argsort(turn, kind="stable")]


def asked(count: int) -> dict[str, Any]:
    """What decides a draw, for the key of a step that computes on it."""
    return {"images": count, "draw": f"class-balanced, seed {SEED}" if count else "all"}


def words(count: int) -> str:
    """`a class-balanced draw of 200 images`."""
    return f"a class-balanced draw of {count} image{'s' * (count != 1)}"


def calibration_size(asked: int | None, pool: int) -> int:
    """`asked`; None is the default, or all of a pool that has fewer."""
    return min(DEFAULT, pool) if asked is None else asked


def calibration_subset(split: AbstractSplit, n: int | None, seed: int, allow_few: bool = False) -> Subset:
    """`n` images of `split`, the same for the same seed: as many of each class as of the next, where there are enough.

    None takes the default, or all where there are fewer. Without labels they are drawn uniformly. Their order is
    random too. Raises BadData where the split has fewer than were asked for, and below 100 images unless `allow_few`.
    """
    if n is None and len(split) < FEWEST and not allow_few:
        raise BadData(
            f"The calibration pool has {len(split)} images, too few to trust the ranges they give. Expected at least"
            f" {FEWEST}: add images, or type --allow-few to calibrate on these {len(split)}, which marks every figure."
        )
    n = calibration_size(n, len(split))
    if n > len(split):
        raise BadData(
            f"{n} calibration images were asked for, and the split they are drawn from has {len(split)}."
            f" Ask for at most {len(split)}, or leave the number out to take what there is."
        )
    if n < 1 or (n < FEWEST and not allow_few):
        raise BadData(
            f"{n} calibration images are too few to trust the ranges they give. Ask for at least {FEWEST}"
            f" ({ADVISED} are advised), or type --allow-few, which marks every figure."
        )
    rng = np.random.default_rng(seed)
    order = dealt(split, rng)
    # Shuffled again: a moving average over images in rounds of classes would remember the last classes best.
    return Subset(split, rng.permutation(order[:n]))


def passing(n: int) -> float:
    """The share of images that pass the range which `n` images gave a tensor: see FEWEST."""
    return 2 / (n + 1)
