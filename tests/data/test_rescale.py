"""Stored images at another size, and fewer of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.cifar import Cifar10, Cifar100
from edgequant.data.decode import scale
from edgequant.data.rescale import Rescaled, fewer
from edgequant.data.splits import ArraySplit

NOISE = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), np.uint8)


def split(channels: int = 3) -> ArraySplit:
    return ArraySplit(NOISE[..., :channels], np.arange(5), np.arange(5))


def test_images_are_scaled_when_they_are_asked_for() -> None:
    large = Rescaled(split(), InputSpec(3, 24, 20))
    taken = large.take(np.array([3, 0]))
    assert taken.shape == (2, 24, 20, 3) and taken.dtype == np.uint8
    wanted = np.asarray(Image.fromarray(NOISE[3]).resize((20, 24), Image.Resampling.BILINEAR))
    assert np.array_equal(taken[0], wanted)
    assert large.labels is not None and large.labels.tolist() == large.indices.tolist() == list(range(5))


def test_grey_images_keep_their_one_channel() -> None:
    assert Rescaled(split(1), InputSpec(1, 6, 6)).take(np.arange(2)).shape == (2, 6, 6, 1)


def test_cifar_is_scaled_only_where_somebody_says_so(cifar_folder: Path) -> None:
    root = str(cifar_folder.parent)
    large = Cifar10(root, size=48)
    assert large.image_shape() == (3, 48, 48) and Cifar100(size=64).image_shape() == (3, 64, 64)
    splits = large.load(InputSpec(3, 48, 48))
    assert splits.train.take(np.arange(2)).shape == (2, 48, 48, 3)
    assert "Images are scaled to 48x48 (bilinear, antialiased)." in splits.note
    assert splits.fingerprint != Cifar10(root).load(InputSpec(3, 32, 32)).fingerprint
    with pytest.raises(BadData, match="the network takes 3x48x48"):
        Cifar10(root).load(InputSpec(3, 48, 48))
    with pytest.raises(BadData, match="asked for at size=48"):
        large.load(InputSpec(3, 32, 32))


def test_a_crop_of_the_models_record_is_made_and_said(cifar_folder: Path) -> None:
    splits = Cifar10(str(cifar_folder.parent), size=32).load(InputSpec(3, 32, 32, resize=40))
    assert "from a shorter side of 40 cropped at the centre" in splits.note
    stored = Cifar10(str(cifar_folder.parent)).load(InputSpec(3, 32, 32))
    whole = Image.fromarray(stored.train.take(np.array([0]))[0]).resize((40, 40), Image.Resampling.BILINEAR)
    assert np.array_equal(splits.train.take(np.array([0]))[0], np.asarray(whole.crop((4, 4, 36, 36))))


def test_a_subset_is_class_balanced_and_always_the_same(cifar_folder: Path) -> None:
    root, inputs = str(cifar_folder.parent), InputSpec(3, 32, 32)
    few, again = (Cifar10(root, train=30, validation=10).load(inputs) for _ in range(2))
    assert few.train.labels is not None and few.test is not None
    assert np.bincount(few.train.labels).tolist() == [3] * 10
    assert (len(few.validation), len(few.test)) == (10, 20)
    assert few.train.indices.tolist() == again.train.indices.tolist() and few.fingerprint == again.fingerprint
    assert "Class-balanced subsets: 30 training and 10 validation images." in few.note
    whole = Cifar10(root).load(inputs)
    assert fewer(whole, 0, 0) is whole and few.fingerprint != whole.fingerprint


@pytest.mark.parametrize("count", [-1, 1000])
def test_a_subset_of_more_than_there_is_is_refused(cifar_folder: Path, count: int) -> None:
    with pytest.raises(BadData, match=f"train={count} was asked for, and the split has 90 images"):
        Cifar10(str(cifar_folder.parent), train=count).load(InputSpec(3, 32, 32))


@pytest.mark.parametrize("size", [(7, 5), (12, 12), (20, 31)])
def test_without_antialiasing_each_pixel_is_sampled_as_tensorflow_does(size: tuple[int, int]) -> None:
    """Half-pixel centres, bilinear, no filter: what torch computes with align_corners=False and antialias=False."""
    inputs = InputSpec(3, size[1], size[0], antialias=False)
    ours = np.asarray(scale(Image.fromarray(NOISE[0]), size, inputs)).astype(int)
    x = torch.from_numpy(NOISE[:1].transpose(0, 3, 1, 2)).float()
    wanted = F.interpolate(x, size=(size[1], size[0]), mode="bilinear", align_corners=False)[0].numpy()
    assert np.abs(ours - wanted.transpose(1, 2, 0)).max() <= 0.51
    smooth = np.asarray(scale(Image.fromarray(NOISE[0]), size, replace(inputs, antialias=True)))
    assert size[0] > 12 or size == (12, 12) or np.abs(smooth.astype(int) - ours).max() > 20
