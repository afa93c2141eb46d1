from __future__ import annotations

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.calibration.checks import Check, check_calibration, warnings
from edgequant.data.dataset import Splits
from edgequant.data.draw import ADVISED, FEWEST, calibration_subset, passing
from edgequant.data.splits import ArraySplit, Subset

NAMES = [
    *("images", "classes covered", "class balance", "duplicates", "constant images"),
    *("domain match", "pixels as validation's", "no augmentation"),
]
SPEC = InputSpec(1, 4, 4)


def make(labels: np.ndarray | None, n: int = 0) -> ArraySplit:
    n = n if labels is None else len(labels)
    images = np.random.default_rng(0).integers(0, 256, (n, 4, 4, 1), np.uint8)
    return ArraySplit(images, labels, np.arange(n))


def checked(subset: Subset | ArraySplit, split: ArraySplit, validation: ArraySplit | None = None) -> list[Check]:
    return check_calibration(subset, Splits((), split, validation or split, None, ""), SPEC)


def test_every_class_gives_as_many_where_it_can() -> None:
    split = make(np.repeat([0, 1, 2], [500, 500, 20]))
    counts = np.bincount(calibration_subset(split, 300, 0).labels)
    assert counts.tolist() == [140, 140, 20]


def test_what_does_not_divide_is_at_most_one_apart() -> None:
    counts = np.bincount(calibration_subset(make(np.arange(1000) % 7), 300, 0).labels)
    assert counts.sum() == 300 and counts.max() - counts.min() == 1


def test_no_image_is_drawn_twice_and_the_order_is_mixed() -> None:
    subset = calibration_subset(make(np.repeat(np.arange(10), 100)), 300, 0)
    assert len(set(subset.indices.tolist())) == 300
    assert len(np.unique(subset.labels[:30])) > 5 and len(np.unique(subset.labels[-30:])) > 5


def test_the_seed_decides_and_nothing_else() -> None:
    split = make(np.arange(1000) % 10)
    one, same, other = (calibration_subset(split, 200, seed).indices for seed in (3, 3, 4))
    assert np.array_equal(one, same) and not np.array_equal(np.sort(one), np.sort(other))


def test_fewer_images_than_classes_are_all_of_different_ones() -> None:
    subset = calibration_subset(make(np.arange(1000) % 200), 100, 0)
    assert len(np.unique(subset.labels)) == 100
    assert checked(subset, make(np.arange(1000) % 200))[1].wanted == "100 of 200"


def test_without_labels_the_draw_is_uniform() -> None:
    split = make(None, 1000)
    seen = np.zeros(1000)
    for seed in range(100):
        seen[calibration_subset(split, 300, seed).indices] += 1
    assert seen.min() > 10 and seen.max() < 50 and seen.sum() == 30_000


def test_too_few_are_refused_unless_allowed() -> None:
    split = make(np.arange(500) % 10)
    with pytest.raises(BadData, match=r"99 calibration images are too few .* at least 100 .*--allow-few"):
        calibration_subset(split, 99, 0)
    assert len(calibration_subset(split, 100, 0)) == 100
    assert len(calibration_subset(split, 8, 0, allow_few=True)) == 8
    with pytest.raises(BadData, match=r"0 calibration images are too few"):
        calibration_subset(split, 0, 0, allow_few=True)


def test_more_than_there_are_is_refused() -> None:
    with pytest.raises(BadData, match=r"501 calibration images were asked for, .* has 500. Ask for at most 500"):
        calibration_subset(make(np.arange(500) % 10), 501, 0)


def test_a_good_subset_meets_every_check() -> None:
    split = make(np.arange(1000) % 10)
    checks = checked(calibration_subset(split, 300, 0), split)
    assert [c.name for c in checks] == NAMES and all(c.met for c in checks) and warnings(checks) == []


def test_fewer_than_advised_is_a_warning() -> None:
    split = make(np.arange(1000) % 10)
    checks = checked(calibration_subset(split, 299, 0), split)
    assert warnings(checks) == ["Calibration images, images: 299; wanted: at least 300."]


def unmet(subset: Subset | ArraySplit, split: ArraySplit) -> list[str]:
    return [c.name for c in checked(subset, split) if not c.met]


def test_a_missing_class_and_a_lopsided_choice_are_seen() -> None:
    split = make(np.arange(1000) % 10)
    lopsided = Subset(split, np.flatnonzero(split.labels != 3)[:300])
    assert unmet(lopsided, split) == ["classes covered", "class balance"]


def test_a_class_that_gave_all_it_has_is_not_held_against_the_subset() -> None:
    split = make(np.repeat([0, 1, 2], [500, 500, 20]))
    assert unmet(calibration_subset(split, 300, 0), split) == []
    assert unmet(Subset(split, np.arange(300)), split) == ["classes covered", "class balance"]


def test_duplicates_and_constant_images_are_counted() -> None:
    split = make(np.arange(1000) % 10)
    images = split.source.copy()
    images[5], images[15] = 9, images[25]
    spoilt = ArraySplit(images, split.labels, np.arange(1000))
    checks = {c.name: c for c in checked(Subset(spoilt, np.arange(300)), spoilt)}
    assert (checks["duplicates"].seen, checks["constant images"].seen) == ("1", "1")
    assert not checks["duplicates"].met and not checks["constant images"].met


def test_without_labels_the_classes_are_not_judged() -> None:
    split = make(None, 400)
    checks = checked(calibration_subset(split, 300, 0), split)
    assert [c.name for c in checks] == NAMES
    assert all(c.met for c in checks) and checks[1].seen == checks[2].seen == "no labels"


def test_training_images_of_another_domain_than_validation_are_seen() -> None:
    split = make(np.arange(1000) % 10)
    darker = ArraySplit(split.source // 3, split.labels, np.arange(1000))
    checks = {c.name: c for c in checked(calibration_subset(split, 300, 0), split, darker)}
    assert not checks["domain match"].met and "in the reference; p = " in checks["domain match"].seen
    assert checks["pixels as validation's"].met


def test_training_images_preprocessed_otherwise_than_validation_are_seen() -> None:
    split = make(np.arange(1000) % 10)
    inverted = ArraySplit((255 - split.source // 2).astype(np.uint8), split.labels, np.arange(1000))
    half = ArraySplit(split.source // 2, split.labels, np.arange(1000))
    checks = {c.name: c for c in checked(calibration_subset(inverted, 300, 0), inverted, half)}
    assert checks["domain match"].met and not checks["pixels as validation's"].met
    assert checks["pixels as validation's"].seen.startswith("inverted")


def test_images_that_are_no_draw_of_the_training_split_may_have_been_changed() -> None:
    split = make(np.arange(1000) % 10)
    assert unmet(make(np.arange(300) % 10), split) == ["no augmentation"]


@pytest.mark.parametrize("n", [FEWEST, ADVISED])
def test_the_next_image_passes_a_range_as_often_as_is_said(n: int) -> None:
    """2 / (n + 1), whatever the distribution: measured on one with heavy tails."""
    draws = np.random.default_rng(0).standard_cauchy((4000, n + 1))
    seen, new = draws[:, :n], draws[:, n]
    assert np.mean((new > seen.max(1)) | (new < seen.min(1))) == pytest.approx(passing(n), rel=0.3)
