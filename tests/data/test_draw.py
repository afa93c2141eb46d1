"""A draw stands for the whole: class by class, the same every time, in the split's order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.data.draw import asked, drawn, words
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


def test_a_draw_is_in_the_key_and_in_words() -> None:
    assert asked(0) != asked(5) != asked(6) and "class-balanced" in asked(5)["draw"]
    assert words(5) == "a class-balanced draw of 5 images" and words(1).endswith("1 image")
