from __future__ import annotations

import numpy as np
import pytest

from edgequant.core.arrays import Array
from edgequant.core.image import InputSpec
from edgequant.data.calibration.fit import fit, is_noise, pixels_as, readings
from edgequant.data.splits import ArraySplit

SPEC = InputSpec(3, 12, 12, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.3))


def pictures(n: int, seed: int) -> Array:
    """Smooth, brighter at the top left, red above green above blue: nothing about them is symmetric."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:12, 0:12]
    shade = 180 - 7 * y - 3 * x + 20 * np.sin(x / 2 + rng.uniform(0, 6, (n, 1, 1)))
    image = np.stack([shade, 0.7 * shade, 0.3 * shade], -1) * rng.uniform(0.7, 1.2, (n, 1, 1, 1))
    return np.clip(np.rint(image + rng.normal(0, 3, image.shape)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def reference() -> ArraySplit:
    return ArraySplit(pictures(400, 1), None, np.arange(400))


def test_pixels_and_what_the_network_sees_are_both_healthy(reference: ArraySplit) -> None:
    images = pictures(300, 2)
    seen = (images / 255 - np.array(SPEC.mean)) / np.array(SPEC.std)
    for given in (images, images.astype(np.float32), seen.astype(np.float32)):
        found = fit(given, None, reference, SPEC)
        assert found.healthy and not found.preprocessing and not found.noise


IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
FAULTS = {
    "values in 0..1": lambda x: x / 255,
    "values in -1..1": lambda x: x / 127.5 - 1,
    "ImageNet's mean and std": lambda x: (x / 255 - IMAGENET[0]) / IMAGENET[1],
    "BGR": lambda x: x[..., ::-1],
    "values in 0..1 where 0..255 was expected, and BGR": lambda x: x[..., ::-1] / 255,
    "channels first where channels last": lambda x: x.transpose(0, 3, 1, 2),
    "channels first, read as channels last": lambda x: x.transpose(0, 3, 1, 2).reshape(x.shape),
    "height and width swapped": lambda x: x.transpose(0, 2, 1, 3),
    "inverted": lambda x: 255 - x,
    "moved down by 128": lambda x: x.astype(np.int16) - 128,
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_way_of_preprocessing_is_told_by_undoing_it(words: str, reference: ArraySplit) -> None:
    found = fit(FAULTS[words](pictures(300, 3)), None, reference, SPEC)
    assert not found.healthy and words in found.preprocessing, (found.preprocessing, found.seen)


def test_noise_and_other_images_have_no_explanation(reference: ArraySplit) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 12, 12, 3), np.uint8)
    found = fit(noise, None, reference, SPEC)
    assert found.reading is None and found.noise and found.difference is not None
    other = fit(np.sort(noise, axis=1), None, reference, SPEC)
    assert other.reading is None and not other.healthy and "in the reference" in other.seen


def test_a_shape_that_no_reading_gives_is_said(reference: ArraySplit) -> None:
    found = fit(np.zeros((5, 4, 4, 3), np.uint8), None, reference, SPEC)
    assert found.reading is None and found.difference is None and found.seen == "the shape of other images"


def test_every_reading_gives_back_the_pixels_that_it_is_about() -> None:
    images = pictures(4, 0)
    for words, change in FAULTS.items():
        found = [pixels_as(r, change(images), SPEC) for r in readings(SPEC) if words in r.words]
        assert any(pixels is not None and np.array_equal(pixels, images) for pixels in found), words
    assert [r.healthy for r in readings(InputSpec(1, 8, 8))][:2] == [True, True]


def test_noise_is_what_shuffling_does_not_change() -> None:
    rng = np.random.default_rng(0)
    assert is_noise(rng.normal(128, 40, (100, 9, 9, 1))) and not is_noise(pictures(100, 0))
    assert not is_noise(np.zeros((100, 9, 9, 1))), "constant images are no noise"
    assert not is_noise(np.zeros((100, 2, 9, 1))) and not is_noise(np.zeros((1, 9, 9, 1)))
