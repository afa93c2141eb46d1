from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data import decode as module
from edgequant.data.decode import check_channels, decode

Photo = Callable[..., Path]


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def test_an_image_of_the_right_size_comes_back_bit_for_bit(tmp_path: Path, photo: Photo) -> None:
    path = photo(tmp_path / "a.png", (6, 4))
    assert np.array_equal(decode(path, InputSpec(3, 4, 6)), np.asarray(Image.open(path)))


def test_grey_is_asked_for_by_the_network(tmp_path: Path, photo: Photo) -> None:
    path = photo(tmp_path / "a.png", (6, 4))
    grey = decode(path, InputSpec(1, 4, 6))
    assert grey.shape == (4, 6, 1)
    assert np.array_equal(grey[..., 0], np.asarray(Image.open(path).convert("L")))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_common_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.tif"
    Image.new("RGB", (5, 5), (255, 255, 255)).convert(mode).save(path)
    assert decode(path, InputSpec(3, 5, 5)).tolist() == np.full((5, 5, 3), 255).tolist()


def test_a_straight_resize_is_antialiased(tmp_path: Path) -> None:
    """Stripes finer than a target pixel turn grey; without antialiasing they would stay black or white."""
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))
    small = decode(save(tmp_path / "a.png", stripes), InputSpec(1, 4, 4))
    assert small.shape == (4, 4, 1) and abs(small.astype(int) - 127).max() < 20


def test_the_shorter_side_is_resized_and_the_centre_cropped(tmp_path: Path) -> None:
    wide = np.zeros((20, 60), np.uint8)
    wide[:, 20:40] = 200
    square = decode(save(tmp_path / "a.png", wide), InputSpec(1, 10, 10, resize=10))
    assert square.shape == (10, 10, 1) and square[:, 2:8].min() == 200
    upright = decode(save(tmp_path / "b.png", wide.T.copy()), InputSpec(1, 10, 10, resize=10))
    assert upright[2:8].min() == 200


def test_bicubic_and_bilinear_differ(tmp_path: Path, photo: Photo) -> None:
    path = photo(tmp_path / "a.png", (12, 12))
    one, two = (decode(path, InputSpec(3, 6, 6, interpolation=kind)) for kind in ("bilinear", "bicubic"))
    assert not np.array_equal(one, two)


def test_a_crop_larger_than_the_resized_image_is_refused(tmp_path: Path, photo: Photo) -> None:
    path = photo(tmp_path / "a.png", (20, 20))
    with pytest.raises(BadData, match=r"a.png is 8x8 once its shorter side is 8. Expected at least 10x10"):
        decode(path, InputSpec(3, 10, 10, resize=8))


def torchvision_loader(path: Path) -> np.ndarray:
    """`torchvision.datasets.folder.pil_loader`, which training saw the images through."""
    with path.open("rb") as file:
        return np.asarray(Image.open(file).convert("RGB"))


def odd_images(folder: Path) -> dict[str, Path]:
    """One of each kind that loaders treat differently."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 4), np.uint8)
    plain, exif = Image.fromarray(pixels[..., :3]), Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    palette = plain.quantize(16)
    made: dict[str, tuple[Image.Image, str, dict[str, object]]] = {
        "orientation": (plain, "jpg", {"exif": exif}),
        "alpha": (Image.fromarray(pixels), "png", {}),
        "grey": (Image.fromarray(pixels[..., 0]), "png", {}),
        "grey alpha": (Image.fromarray(pixels[..., :2], "LA"), "png", {}),
        "palette": (palette, "png", {"transparency": 3}),
        "palette with many alphas": (palette, "png", {"transparency": bytes(range(16))}),
        "cmyk": (plain.convert("CMYK"), "jpg", {}),
        "animation": (plain, "gif", {"save_all": True, "append_images": [Image.new("RGB", (6, 8))]}),
        "bits": (Image.fromarray(pixels[..., 0] > 100), "png", {}),
    }
    for name, (image, suffix, options) in made.items():
        image.save(folder / f"{name}.{suffix}", **options)
    return {name: folder / f"{name}.{suffix}" for name, (_, suffix, _) in made.items()}


@pytest.mark.filterwarnings("ignore:Palette images with Transparency", "ignore:.mode. parameter is deprecated")
def test_pixels_are_those_that_torchvision_would_read(tmp_path: Path) -> None:
    for name, path in odd_images(tmp_path).items():
        seen = torchvision_loader(path)
        assert np.array_equal(decode(path, InputSpec(3, *seen.shape[:2])), seen), name


@pytest.mark.parametrize("keep", [0, 10, 300])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_truncated_file_is_refused_and_named(tmp_path: Path, photo: Photo, keep: int, suffix: str) -> None:
    path = photo(tmp_path / f"cut.{suffix}", (64, 64))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadData, match=rf"cut.{suffix} is not a whole image") as raised:
        decode(path, InputSpec(3, 8, 8))
    assert "\n" not in str(raised.value)


def test_a_text_named_jpg_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(BadData, match=r"a.jpg is not a whole image"):
        decode(tmp_path / "a.jpg", InputSpec(3, 8, 8))


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(BadData, match=r"a.png is not a whole image: Image size"):
        decode(tmp_path / "a.png", InputSpec(3, 8, 8))


def test_more_pixels_than_is_safe_are_refused(tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PIXELS", 100)
    with pytest.raises(BadData, match=r"a.png has 11x10 pixels. Expected at most 100"):
        decode(photo(tmp_path / "a.png", (11, 10)), InputSpec(3, 8, 8))


def test_sixteen_bits_a_pixel_are_refused_and_not_clipped(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.full((8, 8), 40_000, np.uint16))
    with pytest.raises(BadData, match=r"more than 8 bits a channel"):
        decode(path, InputSpec(1, 8, 8))


def test_a_network_of_two_channels_takes_no_image_files() -> None:
    check_channels(InputSpec(1, 8, 8))
    with pytest.raises(BadData, match=r"takes 2 channels, and image files give 1"):
        check_channels(InputSpec(2, 8, 8))


@pytest.mark.parametrize("size", [(30, 12), (12, 30), (17, 17), (4, 5)])
def test_the_largest_middle_and_the_letterbox_keep_the_aspect(tmp_path: Path, size: tuple[int, int]) -> None:
    """A picture whose red grows from left to right and whose green from top to bottom: both slopes must agree."""
    width, height = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    long = max(size)
    path = tmp_path / "slopes.png"
    Image.fromarray(np.stack([250 * x / long, 250 * y / long, 0 * x], -1).astype(np.uint8)).save(path)
    for fit, scale in (("crop", max(8 / width, 8 / height)), ("letterbox", min(8 / width, 8 / height))):
        pixels = decode(path, InputSpec(3, 8, 8, fit=fit)).astype(float)  # type: ignore[arg-type]
        inside = (pixels[..., 2] < 50).all(1).nonzero()[0], (pixels[..., 2] < 50).all(0).nonzero()[0]
        rows, columns = inside if fit == "crop" else (inside_of(pixels, 1), inside_of(pixels, 0))
        assert (fit == "letterbox") == (len(rows) < 8 or len(columns) < 8) or width == height
        assert (
            abs(len(rows) - min(8, round(height * scale))) <= 0
            and abs(len(columns) - min(8, round(width * scale))) <= 0
        )
        middle = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean((0, 1))
        np.testing.assert_allclose(middle[:2], [125 * width / long, 125 * height / long], atol=12)


def inside_of(pixels: np.ndarray, axis: int) -> np.ndarray:
    """Rows or columns that are not all bar."""
    return (pixels != 114).any((axis, 2)).nonzero()[0]
