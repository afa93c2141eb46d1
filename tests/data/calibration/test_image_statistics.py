from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.data.calibration import statistics as image_statistics
from edgequant.data.calibration.statistics import neighbour_likeness, some, split_statistics, statistics
from edgequant.data.splits import ArraySplit


def split(n: int = 10, shape: tuple[int, int, int] = (8, 6, 3)) -> ArraySplit:
    images = np.random.default_rng(0).integers(0, 256, (n, *shape), np.uint8)
    return ArraySplit(images, None, np.arange(n))


@settings(max_examples=20)
@given(h=st.integers(3, 9), w=st.integers(3, 9), c=st.sampled_from([1, 3, 4]), seed=st.integers(0, 99))
def test_each_image_is_described_by_itself_alone(h: int, w: int, c: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (5, h, w, c), np.uint8)
    whole, alone = statistics(images), statistics(images[2:3])
    assert all(values.shape == (5,) and np.isfinite(values).all() for values in whole.values())
    assert all(whole[name][2] == pytest.approx(alone[name][0]) for name in whole)
    assert ("first less third channel" in whole) == (c > 2)


def test_levels_and_colours_are_plain_means() -> None:
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, :2, :, 0], image[0, :, :, 2] = 255, 10
    found = statistics(image)
    assert found["mean of channel 0"][0] == 127.5 and found["first less third channel"][0] == 117.5
    assert found["share of white"][0] == pytest.approx(8 / 48) and found["top less bottom"][0] == pytest.approx(85)
    assert found["left less right"][0] == 0


def test_a_constant_image_has_no_texture_and_nothing_to_divide_by() -> None:
    found = statistics(np.full((2, 5, 5, 1), 7, np.uint8))
    assert found["likeness of neighbours"].tolist() == [0, 0] and found["share of flat areas"].tolist() == [1, 1]
    assert found["roughness across"].tolist() == [0, 0]


def test_neighbours_are_alike_in_ramps_and_not_in_noise() -> None:
    ramp = np.tile(np.arange(32.0), (1, 32, 1))
    noise = np.random.default_rng(0).normal(size=(1, 64, 64))
    assert neighbour_likeness(ramp)[0] == pytest.approx(1) and abs(neighbour_likeness(noise)[0]) < 0.05


def test_large_sets_and_large_images_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(some(split(10))) == 10
    monkeypatch.setattr(image_statistics, "MOST", 4)
    chosen = some(split(10))
    assert len(chosen) == 4 and np.array_equal(chosen, some(split(10))) and np.all(np.diff(chosen) > 0)
    monkeypatch.setattr(image_statistics, "BYTES", 300)
    assert len(some(split(10))) == 2


def test_batches_do_not_change_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = split_statistics(split(10))
    monkeypatch.setattr(image_statistics, "BATCH", 3)
    assert all(np.array_equal(whole[name], values) for name, values in split_statistics(split(10)).items())
