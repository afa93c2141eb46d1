import pytest
import torch

from edgequant.core.errors import BadOption
from edgequant.train.augment import augment, crop, cutout, flip, resize, rotate_and_zoom
from edgequant.train.settings import TrainSettings

IMAGES = torch.rand(32, 3, 12, 10, generator=torch.Generator().manual_seed(0)) * 255
ALONE = {
    "flip": flip,
    "crop": lambda x: crop(x, 3),
    "rotate": lambda x: rotate_and_zoom(x, 20, 0.0),
    "zoom": lambda x: rotate_and_zoom(x, 0.0, 0.3),
    "cutout": lambda x: cutout(x, 4),
    "all": lambda x: augment(x, TrainSettings(augment=("flip", "crop", "rotate", "zoom", "cutout"))),
}


@pytest.mark.parametrize("name", ALONE)
def test_shape_range_and_seed(name):
    def once(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return ALONE[name](IMAGES.clone())

    out = once(1)
    assert out.shape == IMAGES.shape and out.dtype == IMAGES.dtype
    assert out.min() >= 0 and out.max() <= 255 + 1e-3
    assert torch.equal(out, once(1))
    assert not torch.equal(out, once(2))
    assert not torch.equal(out, IMAGES)


def test_nothing_asked_for_changes_nothing():
    assert torch.equal(augment(IMAGES, TrainSettings(augment=())), IMAGES)


@pytest.mark.parametrize("name", ["flip", "crop", "rotate", "zoom", "cutout"])
def test_each_name_of_the_settings_does_something(name):
    torch.manual_seed(0)
    assert not torch.equal(augment(IMAGES, TrainSettings(augment=(name,))), IMAGES)


def test_flip_mirrors_about_half_and_only_left_to_right():
    out = flip(IMAGES)
    mirrored = (out == IMAGES.flip(-1)).all((1, 2, 3))
    assert torch.equal(out[~mirrored], IMAGES[~mirrored])
    assert 5 < mirrored.sum() < 27


def test_crop_shifts_each_image_by_whole_pixels():
    x = torch.arange(120.0).view(1, 1, 12, 10).expand(64, 1, 12, 10)
    out = crop(x, 2)
    inner = out[:, 0, 3:-3, 3:-3]
    shifts = inner[:, 0, 0] - x[0, 0, 3, 3]
    assert torch.equal(inner, x[:, 0, 3:-3, 3:-3] + shifts.view(-1, 1, 1))
    assert len(shifts.unique()) > 10  # of 25: each image draws its own


@pytest.mark.parametrize("size", [(10, 10), (12, 10)])
def test_crop_refuses_more_padding_than_there_is_to_mirror(size):
    with pytest.raises(BadOption, match=r"crop_padding must be below the image's side\. Got 10 for"):
        crop(torch.zeros(1, 1, *size), 10)


def test_no_rotation_and_no_zoom_is_the_identity():
    torch.testing.assert_close(rotate_and_zoom(IMAGES, 0.0, 0.0), IMAGES, atol=1e-3, rtol=0)


def test_rotation_keeps_proportions_on_wide_images():
    """A disc stays a disc: without the aspect correction it would be sheared into an ellipse."""
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(60.0), indexing="ij")
    disc = (((rows - 9.5) ** 2 + (columns - 29.5) ** 2) < 64).float().expand(16, 1, 20, 60)
    torch.manual_seed(0)
    assert (rotate_and_zoom(disc, 45.0, 0.0) - disc).abs().mean() < 0.02


def test_cutout_greys_one_square():
    out = cutout(torch.zeros(200, 2, 16, 16), 6)
    grey = (out == 128).all(1).flatten(1).sum(1)
    assert ((out == 0) | (out == 128)).all()
    assert grey.max() == 36 and grey.min() >= 9  # a quarter at a corner
    assert torch.equal(cutout(IMAGES, 0), IMAGES)


def test_resize_keeps_proportions():
    assert resize(IMAGES, 6).shape == (32, 3, 6, 5)
    assert resize(IMAGES, 12) is IMAGES
