from __future__ import annotations

import io

import numpy as np
import pytest

from edgequant.core.arrays import Array
from edgequant.data.calibration import near_copies
from edgequant.data.calibration.near_copies import RECODED, find_copies
from edgequant.data.splits import ArraySplit


def photographs(n: int, seed: int, side: int = 24) -> Array:
    """(n, side, side, 3) pieces of scikit-learn's two photographs."""
    from sklearn.datasets import load_sample_images

    rng, photos = np.random.default_rng(seed), load_sample_images().images
    pieces = []
    for number in range(n):
        photo = photos[number % 2][::3, ::3]
        top, left = (int(rng.integers(0, edge - side)) for edge in photo.shape[:2])
        pieces.append(photo[top : top + side, left : left + side])
    return np.stack(pieces)


def as_split(images: Array) -> ArraySplit:
    return ArraySplit(images, None, np.arange(len(images)))


TRAIN, HELD = as_split(photographs(400, 0)), as_split(photographs(100, 1))


def test_the_data_sets_own_images_are_recognised() -> None:
    found = find_copies(TRAIN.take(np.arange(150)), TRAIN, HELD)
    assert found.exact == found.looked == 100 and not found.made_from
    assert find_copies(HELD.take(np.arange(50)), TRAIN, HELD).exact == 50, "validation images too"


def test_independent_images_are_no_nearer_than_validation_is() -> None:
    for seed in range(2, 12):
        found = find_copies(photographs(100, seed), TRAIN, HELD)
        assert not found.made_from and not found.touched


def cutout(images: Array, side: int = 5) -> Array:
    """A patch in each image's own mean: a grey one would be all that a pale piece of sky shows."""
    changed = images.copy()
    for number, image in enumerate(changed):
        top = number % 16
        image[top : top + side, 16 - top : 16 - top + side] = image.mean()
    return changed


MADE = {
    "mirrored": lambda x: x[:, :, ::-1],
    "upside down": lambda x: x[:, ::-1],
    "turned": lambda x: np.rot90(x, 1, (1, 2)),
    "erased": cutout,
    "brighter": lambda x: np.clip(x * 1.3 + 20, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("how", MADE)
def test_images_made_from_training_images_are_nearer(how: str) -> None:
    found = find_copies(np.ascontiguousarray(MADE[how](TRAIN.take(np.arange(100)))), TRAIN, HELD)
    assert found.made_from and found.near > found.usual, found
    assert (found.moved > 0.9) == (how in ("mirrored", "upside down", "turned"))


def test_saving_as_jpeg_leaves_an_image_nearly_itself() -> None:
    """Where RECODED comes from."""
    from PIL import Image

    saved = []
    for image in TRAIN.take(np.arange(60)):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=50)
        saved.append(np.asarray(Image.open(buffer)))
    found = find_copies(np.stack(saved), TRAIN, HELD)
    assert found.made_from and found.near > RECODED and not found.touched
    assert find_copies(cutout(TRAIN.take(np.arange(60)), 8), TRAIN, HELD).touched


def test_too_few_new_images_are_not_judged() -> None:
    assert not find_copies(MADE["mirrored"](TRAIN.take(np.arange(9))), TRAIN, HELD).made_from


def test_training_images_beyond_the_limit_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_copies, "SOURCES", 50)
    assert find_copies(TRAIN.take(np.arange(100)), TRAIN, HELD).exact == 50
