from __future__ import annotations

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.splits import (
    ArraySplit,
    Subset,
    check_labels,
    check_shape,
    count_note,
    fingerprint,
    stratified,
    with_test_set,
)


def test_stratified_parts_are_disjoint_complete_and_proportional() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    kept, held = stratified(labels, 10)
    assert sorted([*kept, *held]) == list(range(100))
    assert np.bincount(labels[held]).tolist() == [5, 3, 2]


def test_stratified_deals_what_does_not_divide_and_gives_exactly_what_was_asked() -> None:
    labels = np.repeat([0, 1, 2], 10)
    _, held = stratified(labels, 10)
    assert sorted(np.bincount(labels[held])) == [3, 3, 4]


def test_stratified_is_the_same_every_time_and_another_for_another_seed() -> None:
    labels = np.arange(100) % 5
    assert np.array_equal(stratified(labels, 20)[1], stratified(labels, 20)[1])
    assert not np.array_equal(stratified(labels, 20)[1], stratified(labels, 20, seed=1)[1])


def test_a_subset_of_a_split_keeps_track_of_the_source() -> None:
    images = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    split = ArraySplit(images, np.arange(10) % 3, np.array([9, 7, 5]))
    subset = Subset(split, np.array([2, 0]))
    assert subset.indices.tolist() == [5, 9]
    assert subset.take(np.array([0, 1])).ravel().tolist() == [5, 9]
    assert subset.labels is not None and subset.labels.tolist() == [2, 0]


def test_an_unlabelled_split_and_its_subset_have_no_labels() -> None:
    split = ArraySplit(np.zeros((3, 1, 1, 1), np.uint8), None, np.arange(3))
    assert split.labels is None
    assert Subset(split, np.arange(2)).labels is None


def test_batches_cover_the_split_in_order() -> None:
    split = ArraySplit(np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1), np.arange(5), np.arange(5))
    seen = [(images.ravel().tolist(), labels.tolist()) for images, labels in split.batches(2) if labels is not None]
    assert seen == [([0, 1], [0, 1]), ([2, 3], [2, 3]), ([4], [4])]


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_out_of_range_is_refused_and_named(label: int) -> None:
    with pytest.raises(BadData, match=rf"has a label {label}, outside 0\.\.9"):
        check_labels(np.array([0, label, 3]), 10, "labels")


def test_images_of_another_shape_than_the_networks_are_refused() -> None:
    check_shape((1, 8, 8), InputSpec(1, 8, 8), "digits")
    with pytest.raises(
        BadData,
        match=r"digits has 1x8x8 images .* takes 3x32x32. Say --fit stretch, .*or name a network that takes 1x8x8",
    ):
        check_shape((1, 8, 8), InputSpec(3, 32, 32), "digits")


def test_too_few_images_to_cut_are_refused() -> None:
    some = np.zeros((4, 1, 1, 1), np.uint8), np.zeros(4, np.int64)
    with pytest.raises(BadData, match=r"There are 4 training images, 0 of them for validation"):
        with_test_set(("a",), some, some, 0)


def test_a_set_of_another_size_says_so_in_the_report() -> None:
    assert count_note(60_000, 10_000, (60_000, 10_000)) == ""
    assert "600 training and 100 test" in count_note(600, 100, (60_000, 10_000))


def test_the_fingerprint_depends_on_content_type_shape_and_boundaries() -> None:
    array = np.arange(6, dtype=np.uint8)
    prints = {
        fingerprint(array),
        fingerprint(array.reshape(2, 3)),
        fingerprint(array.view(np.int8)),
        fingerprint(array[::-1]),
        fingerprint(array[:3], array[3:]),
        fingerprint("ab", "c"),
        fingerprint("a", "bc"),
    }
    assert len(prints) == 7
    assert fingerprint(array) == fingerprint(array.copy())
