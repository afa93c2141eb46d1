"""One image file to the pixels a network takes, with Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import Array
from ..core.errors import BadData
from ..core.image import InputSpec
from ..core.preprocess import BAR

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 89_000_000  # of one image, about Pillow's own limit: a file of a few bytes can unpack to gigabytes
MODES = {1: "L", 3: "RGB"}  # by number of channels
DEEP = ("I", "F")  # the modes of 16 and 32 bits a pixel begin so; converted to 8 bits they would be clipped


def check_channels(inputs: InputSpec) -> None:
    """Raises BadData where the network takes what no image file gives."""
    if inputs.channels not in MODES:
        raise BadData(
            f"The network takes {inputs.channels} channels, and image files give 1 (grey) or 3 (RGB)."
            " Put such images in an .npz file and name it with arrays:FILE."
        )


def decode(path: Path, inputs: InputSpec) -> Array:
    """(H, W, C) uint8 pixels of `inputs.shape`: converted, resized with antialiasing, and cropped.

    Pixels are those of torchvision's and Keras' loaders, `Image.open(path).convert("RGB")`: as they are stored, so that
    an EXIF orientation turns nothing; transparency is dropped, CMYK converted without a profile, and of an animation
    the first frame is read. Raises BadData naming the file where it is cut, no image, too large to be safe, or of more
    than 8 bits a channel (which that would clip).
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            refusal = _refusal(image)
            if not refusal:
                image.info.pop("transparency", None)  # Pillow warns that convert drops it
                converted = image.convert(MODES[inputs.channels])
    except Exception as error:  # a damaged or hostile file can raise anything at all
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadData(f"{path} is not a whole image: {reason}. Replace it, or take it out of the folder.") from error
    if refusal:
        raise BadData(f"{path} {refusal}")
    fitted = fit(converted, inputs, path)
    return np.asarray(fitted, np.uint8).reshape(inputs.height, inputs.width, inputs.channels)


def _refusal(image: Image) -> str:
    if image.width * image.height > MAX_PIXELS:
        return (
            f"has {image.width}x{image.height} pixels. Expected at most {MAX_PIXELS:,}: scale it down,"
            " or take it out of the folder."
        )
    if image.mode.startswith(DEEP):
        return f"has more than 8 bits a channel (mode {image.mode}). Expected 8: convert it first."
    return ""


def fit(image: Image, inputs: InputSpec, path: Path) -> Image:
    """`image` at (height, width), as `inputs.fitted` says: stretched; its middle, from a shorter side of `resize` or as
    large as it goes; or the whole of it between bars.

    The sizes of the crop are those of torchvision's Resize and CenterCrop, which published accuracies rest on.
    """
    if inputs.fitted == "stretch":
        return scale(image, (inputs.width, inputs.height), inputs)
    if inputs.fitted == "letterbox":
        return _letterboxed(image, inputs)
    if inputs.resize is None:
        return _largest_middle(image, inputs)
    short = min(image.size)
    scaled = tuple(int(inputs.resize * side / short) for side in image.size)
    left, top = round((scaled[0] - inputs.width) / 2), round((scaled[1] - inputs.height) / 2)
    if left < 0 or top < 0:
        raise BadData(
            f"{path} is {scaled[0]}x{scaled[1]} once its shorter side is {inputs.resize}. Expected at least"
            f" {inputs.width}x{inputs.height}: give the network's input a larger resize, or none."
        )
    resized = scale(image, (scaled[0], scaled[1]), inputs)
    return resized.crop((left, top, left + inputs.width, top + inputs.height))


def _largest_middle(image: Image, inputs: InputSpec) -> Image:
    """Scaled until it just covers (height, width), and the middle of that."""
    ratio = max(inputs.width / image.width, inputs.height / image.height)
    width, height = _sides(image, ratio)
    width, height = max(width, inputs.width), max(height, inputs.height)
    left, top = (width - inputs.width) // 2, (height - inputs.height) // 2
    return scale(image, (width, height), inputs).crop((left, top, left + inputs.width, top + inputs.height))


def _letterboxed(image: Image, inputs: InputSpec) -> Image:
    """Scaled until it just fits into (height, width), in the middle of bars."""
    from PIL import Image as images

    ratio = min(inputs.width / image.width, inputs.height / image.height)
    width, height = _sides(image, ratio)
    width, height = min(width, inputs.width), min(height, inputs.height)
    bars = images.new(image.mode, (inputs.width, inputs.height), tuple([BAR] * len(image.getbands())))
    bars.paste(scale(image, (width, height), inputs), ((inputs.width - width) // 2, (inputs.height - height) // 2))
    return bars


def _sides(image: Image, ratio: float) -> tuple[int, int]:
    return max(1, round(image.width * ratio)), max(1, round(image.height * ratio))


def scale(image: Image, size: tuple[int, int], inputs: InputSpec) -> Image:
    """`image` at `size` (width, height), half-pixel centres.

    Antialiased as Pillow does it, or each pixel sampled from its 2x2 (4x4) neighbours, as tf.image.resize does.
    """
    from PIL.Image import Resampling

    kernel = Resampling.BICUBIC if inputs.interpolation == "bicubic" else Resampling.BILINEAR
    return image.resize(size, kernel) if inputs.antialias else _sampled(image, size, kernel)


def _sampled(image: Image, size: tuple[int, int], kernel: Any) -> Image:
    """In floats and rounded at the end: on bytes Pillow would round each value down."""
    from PIL import Image as images

    steps = (image.width / size[0], 0, 0, 0, image.height / size[1], 0)
    bands = [band.convert("F").transform(size, images.Transform.AFFINE, steps, kernel) for band in image.split()]
    pixels = np.clip(np.rint(np.stack([np.asarray(band) for band in bands], -1)), 0, 255).astype(np.uint8)
    return images.fromarray(pixels[..., 0] if len(bands) == 1 else pixels)
