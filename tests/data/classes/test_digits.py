from __future__ import annotations

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.digits import Digits, read_digits


def test_the_cut_is_disjoint_complete_and_stratified() -> None:
    splits = Digits().load(InputSpec(1, 8, 8))
    assert splits.test is not None
    parts = [splits.train, splits.validation, splits.test]
    assert [len(p) for p in parts] == [1237, 200, 360]
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(1797))
    for part in parts:
        counts = np.bincount(part.labels, minlength=10)
        assert counts.min() >= 0.9 * len(part) / 10


def test_pixels_use_the_whole_range() -> None:
    images, labels = read_digits()
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.uint8 and labels.dtype == np.int64
    assert (images.min(), images.max()) == (0, 255)
    assert len(np.unique(images)) == 17


def test_the_images_are_where_the_labels_say() -> None:
    """The mean zero has a hole; the mean one has not."""
    splits = Digits().load(InputSpec(1, 8, 8))
    images = splits.train.take(np.arange(len(splits.train)))
    centre = [images[splits.train.labels == k][:, 3:5, 3:5].mean() for k in (0, 1)]
    assert centre[0] < 40 < 150 < centre[1]


def test_loading_twice_gives_one_fingerprint() -> None:
    assert Digits().load(InputSpec(1, 8, 8)).fingerprint == Digits("x").load(InputSpec(1, 8, 8)).fingerprint


def test_a_network_for_other_images_is_refused() -> None:
    assert Digits().image_shape() == (1, 8, 8)
    with pytest.raises(BadData, match=r"digits has 1x8x8 images"):
        Digits().load(InputSpec(3, 32, 32))
