"""A draw stands for the whole: class by class, the same every time, in the split's order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.core.arrays import Array
from edgequant.core.image import InputSpec
from edgequant.data.calibration.checks import check_calibration
from edgequant.data.dataset import AbstractSplit, Splits
from edgequant.data.draw import asked, calibration_subset, drawn, words
from edgequant.data.rescale import Rescaled
from edgequant.data.splits import ArraySplit

CLASSES = st.lists(st.integers(0, 4), min_size=1, max_size=80)


def split(labels: list[int], labelled: bool = True) -> ArraySplit:
    pixels = np.zeros((len(labels), 2, 2, 1), np.uint8)
    return ArraySplit(pixels, np.array(labels, np.int64) if labelled else None, np.arange(len(labels)))


@settings(deadline=None)
@given(CLASSES, st.integers(0, 90), st.booleans())
def test_a_draw_is_balanced_ordered_and_repeatable(labels: list[int], count: int, by_class: bool) -> None:
    whole = split(sorted(labels) if by_class else labels)
    found, again = drawn(whole, count), drawn(whole, count)
    assert np.array_equal(found.indices, again.indices) and np.all(np.diff(found.indices) > 0)
    assert len(found) == (min(count, len(labels)) if count else len(labels))
    assert found.labels is not None and whole.labels is not None
    taken, there = (np.bincount(side, minlength=5) for side in (found.labels, whole.labels))
    still_open = taken[taken < there]
    assert not len(still_open) or taken.max() - still_open.min() <= 1


def test_a_folder_sorted_by_class_gives_every_class() -> None:
    """Its first hundred images are all of one."""
    sorted_by_class = split([0] * 500 + [1] * 500 + [2] * 20)
    labels = drawn(sorted_by_class, 100).labels
    assert labels is not None and np.bincount(labels).tolist() == [40, 40, 20]


def test_without_labels_a_draw_is_uniform() -> None:
    positions = drawn(split([0] * 1000, labelled=False), 100).indices
    assert len(set(positions.tolist())) == 100 and 350 < positions.mean() < 650


@final
@dataclass(frozen=True)
class Boxes(AbstractSplit):
    """Images of another task than classes: each has a list of boxes, and a kind by which it is drawn."""

    kinds: Array
    labels = None

    @property
    def strata(self) -> Array:
        return self.kinds

    def annotations(self, positions: Array) -> list[str]:
        return [f"boxes of {position}" for position in positions]

    @property
    def indices(self) -> Array:
        return np.arange(len(self.kinds))

    def take(self, positions: Array) -> Array:
        return np.random.default_rng(0).integers(0, 256, (len(self.kinds), 4, 4, 1)).astype(np.uint8)[positions]


def test_images_of_another_task_are_drawn_checked_and_cut_by_their_strata() -> None:
    boxes = Boxes(np.repeat([0, 1], [300, 40]))
    subset = calibration_subset(boxes, 100, 0)
    assert subset.labels is None and subset.strata is not None
    assert np.bincount(subset.strata).tolist() == [60, 40]
    assert subset.annotations(np.arange(2)) == [f"boxes of {position}" for position in subset.indices[:2]]
    small = Rescaled(boxes, InputSpec(1, 2, 2))
    assert small.strata is boxes.kinds and small.annotations(np.array([7])) == ["boxes of 7"]
    assert [known for _, known in boxes.batches(339)][1] == ["boxes of 339"]
    checks = {c.name: c for c in check_calibration(subset, Splits((), boxes, boxes, None, ""), InputSpec(1, 4, 4))}
    assert checks["classes covered"].seen == "2 of 2" and checks["class balance"].met


def test_a_draw_is_in_the_key_and_in_words() -> None:
    assert asked(0) != asked(5) != asked(6) and "class-balanced" in asked(5)["draw"]
    assert words(5) == "a class-balanced draw of 5 images" and words(1).endswith("1 image")
