from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgequant.core.errors import BadData, BadOption
from edgequant.core.image import InputSpec
from edgequant.data.folders.tree import walk
from edgequant.data.folders.unlabelled import Images

SPEC = InputSpec(3, 8, 8)
Photo = Callable[..., Path]


@pytest.fixture
def flat(tmp_path: Path, photo: Photo) -> Path:
    for k in range(5):
        photo(tmp_path / "photos" / f"{k}.png", seed=k)
    return tmp_path / "photos"


def test_one_unlabelled_pool_and_no_test_split(flat: Path) -> None:
    (flat / "readme.txt").write_text("x")
    splits = Images(str(flat)).load(SPEC)
    assert splits.test is None and splits.classes == () and splits.train.labels is None
    assert len(splits.train) == len(splits.validation) == 5
    assert "No labels" in splits.note and "1 file without an image's suffix (.txt)" in splits.note
    (images, labels), *rest = splits.train.batches(4)
    assert images.shape == (4, 8, 8, 3) and labels is None and len(rest) == 1


def test_the_order_is_that_of_the_names(flat: Path) -> None:
    image = Images(str(flat)).load(InputSpec(3, 10, 12)).train.take(np.array([3]))[0]
    assert np.array_equal(image, np.random.default_rng(3).integers(0, 256, (10, 12, 3), np.uint8))


def test_images_in_sub_folders_are_read_too_and_that_is_said(flat: Path, photo: Photo) -> None:
    photo(flat / "2024" / "May" / "a.png")
    splits = Images(str(flat)).load(SPEC)
    assert len(splits.train) == 6 and splits.train.labels is None
    assert "1 of 6 images lie in sub-folders" in splits.note


def test_a_folder_without_an_image_is_refused_and_what_lies_there_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.HEIC").write_text("x")
    with pytest.raises(BadData, match=r"has no image. Expected .jpg, .* 1 file without an image's suffix \(.heic\)"):
        Images(str(tmp_path)).load(SPEC)


def test_a_missing_or_unnamed_folder_is_refused() -> None:
    with pytest.raises(BadData, match=r"The folder 'nowhere' does not exist"):
        Images("nowhere").load(SPEC)
    with pytest.raises(BadData, match=r"Type images:FOLDER"):
        Images().load(SPEC)


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=rf"cannot be read: {os.strerror(2)}"):
        walk(tmp_path / "gone")


def test_size_is_what_a_network_without_one_takes(flat: Path) -> None:
    assert Images(str(flat)).image_shape() is None
    assert Images(str(flat), size=16, channels=1).image_shape() == (1, 16, 16)
    with pytest.raises(BadData, match=r"asked for at size=16 and the network takes 8x8"):
        Images(str(flat), size=16).load(SPEC)


@pytest.mark.parametrize("option", [{"size": -1}, {"channels": 4}])
def test_options_are_checked(option: dict[str, int]) -> None:
    with pytest.raises(BadOption, match=r"images takes a size"):
        Images("x", **option)  # type: ignore[arg-type]
