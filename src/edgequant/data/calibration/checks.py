"""Which images calibrate: a class-balanced subset of the training split, and the checks it must pass."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ...core.arrays import Array
from ...core.image import InputSpec
from ..dataset import AbstractSplit, Splits
from ..draw import ADVISED
from ..splits import Subset
from .fit import fit
from .statistics import some, split_statistics
from .two_sample import ALPHA, compare, matched

BATCH = 64


@dataclass(frozen=True)
class Check:
    """One line of the report's table on the calibration images."""

    name: str
    seen: str
    wanted: str
    met: bool


def check_calibration(subset: AbstractSplit, splits: Splits, inputs: InputSpec) -> list[Check]:
    """The requirements on a calibration subset of the training split, each with what was seen.

    Count, class coverage and balance, duplicates, constant images; and, against the validation images, the same
    domain, pixels that were prepared alike, and no augmentation. Whether the network was trained on such pixels is
    asked elsewhere (study/networks/preprocessing.py). Deterministic.
    """
    there = matched(subset.strata, splits.validation.strata, some(splits.validation))
    found = compare(split_statistics(subset, some(subset)), split_statistics(splits.validation, there))
    why = ""
    if not found.same:  # only then are all images held at once, to say how they differ
        why = fit(subset.take(some(subset)), subset.strata, splits.validation, inputs).preprocessing
    level = f"no difference at p < {ALPHA:g}"
    # A draw from a split takes its images as they are stored; nothing in between could change them.
    drawn = isinstance(subset, Subset) and subset.parent is splits.train
    stored = "drawn from the training images as stored" if drawn else "not drawn from the training images"
    return [
        Check("images", f"{len(subset):,}", f"at least {ADVISED}", len(subset) >= ADVISED),
        *_check_classes(subset.strata, splits.train.strata),
        *_check_content(subset),
        Check("domain match", found.seen, f"image statistics like validation's: {level}", found.same or bool(why)),
        Check("pixels as validation's", why or "pixels in 0..255", "prepared as validation's are", not why),
        Check("no augmentation", stored, "images as the network will see them", drawn),
    ]


def warnings(checks: list[Check]) -> list[str]:
    """One line for each check that was not met."""
    return [f"Calibration images, {c.name}: {c.seen}; wanted: {c.wanted}." for c in checks if not c.met]


def _check_classes(drawn: Array | None, pool: Array | None) -> list[Check]:
    """Of the strata of the images that were drawn, and of all from which they were."""
    if drawn is None or pool is None:
        return [Check(name, "no labels", "nothing to check", True) for name in ("classes covered", "class balance")]
    classes, there = np.unique(pool, return_counts=True)
    taken = np.array([np.count_nonzero(drawn == c) for c in classes])
    covered, reachable = int(np.count_nonzero(taken)), min(len(classes), len(drawn))
    open_classes = taken[taken < there]  # a class that gave all it has may stay behind the others
    spread = int(taken.max() - open_classes.min()) if len(open_classes) else 0
    return [
        Check(
            "classes covered", f"{covered} of {len(classes)}", f"{reachable} of {len(classes)}", covered >= reachable
        ),
        Check(
            "class balance",
            f"{taken.min()} to {taken.max()} images a class",
            "at most 1 apart, save where a class has no more",
            spread <= 1,
        ),
    ]


def _check_content(subset: AbstractSplit) -> list[Check]:
    """In batches, so that memory does not grow with the subset."""
    seen: set[bytes] = set()
    constant = 0
    for images, _ in subset.batches(BATCH):
        for image in images:
            seen.add(hashlib.sha256(np.ascontiguousarray(image).data).digest())
            constant += int(image.min() == image.max())
    duplicates = len(subset) - len(seen)
    return [
        Check("duplicates", str(duplicates), "0", duplicates == 0),
        Check("constant images", str(constant), "0", constant == 0),
    ]
