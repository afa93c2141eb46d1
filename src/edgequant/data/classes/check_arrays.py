"""What arrays of images and labels must be. A wrong guess here is a false accuracy later, so nothing is converted."""

from __future__ import annotations

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData

CHANNELS = (1, 2, 3, 4)
MOST_CLASSES = 100_000  # without names each class is named by its number, up to the largest label


def checked_images(images: Array, where: str) -> Array:
    """`images` as (N, H, W, C); a grey set without its last axis gets one. Raises BadData saying what to type."""
    if images.dtype not in (np.uint8, np.float32):
        raise BadData(f"{where} are {images.dtype}. Expected uint8, or float32 in 0..255: {_as_pixels(images)}.")
    if images.ndim not in (3, 4) or 0 in images.shape:
        raise BadData(f"{where} have the shape {images.shape}. Expected (N, height, width, channels), none of them 0.")
    if images.ndim == 3:
        images = images[..., None]
    if images.shape[3] not in CHANNELS:
        raise BadData(
            f"{where} have {images.shape[3]} channels, from their shape {images.shape}. Expected channels last,"
            " at most 4: for channels first type images.transpose(0, 2, 3, 1)."
        )
    if images.dtype == np.float32:
        _check_range(images, where)
    return images


def _as_pixels(images: Array) -> str:
    """What to type for values of another type; a cast to uint8 keeps 0..255 only."""
    if images.dtype.kind == "b":
        return "type images.astype('uint8') * 255"
    if images.dtype.kind == "f":
        return "type images.astype('float32')"
    if images.dtype.kind not in "iu":
        return "give arrays of numbers"
    low, high = (int(images.min()), int(images.max())) if images.size else (0, 0)
    if low < 0:
        return f"theirs are {low}..{high}. Undo what moved them below 0, as images + 128, and type astype('uint8')"
    return (
        "type images.astype('uint8')"
        if high <= 255
        else f"theirs go up to {high}. Type (images // 257).astype('uint8')"
    )


def _check_range(images: Array, where: str) -> None:
    low, high = float(images.min()), float(images.max())  # either is NaN where one value is
    if not (np.isfinite(low) and np.isfinite(high)):
        raise BadData(f"{where} have values that are NaN or infinite. Expected 0..255: look at numpy.isfinite(images).")
    if low < 0 or high > 255:
        raise BadData(f"{where} have values in {low:g}..{high:g}. Expected pixels in 0..255: undo the normalisation.")
    if high <= 1 and high > 0:
        raise BadData(f"{where} have values in {low:g}..{high:g}. Expected pixels in 0..255: type images * 255.")


def checked_labels(labels: Array, images: int, where: str) -> Array:
    """`labels` as (N,) int64; (N, 1), as Keras ships them, is flattened. Raises BadData saying what to type."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if flat.dtype.kind not in "iu" or flat.ndim != 1:
        raise BadData(
            f"{where.capitalize()} are {labels.dtype} of shape {labels.shape}. Expected whole numbers of shape (N,):"
            f" {_as_labels(flat)}."
        )
    if len(flat) != images:
        raise BadData(f"There are {images} images and {len(flat)} {where}. Expected as many of one as of the other.")
    if len(flat) and int(flat.max()) >= MOST_CLASSES:
        raise BadData(
            f"{where.capitalize()} go up to {int(flat.max())}. Expected class indices from 0, below {MOST_CLASSES:,}:"
            " type numpy.unique(labels, return_inverse=True)[1]."
        )
    return flat.astype(np.int64)


def check_first_label(labels: Array, named: bool) -> None:
    """Raises BadData for class numbers that start at 1, unless the classes are `named`, class 0 among them.

    Labels 1..K, each there, are K classes counted from 1: read as they are, each is taken for the class behind it.
    """
    last = int(labels.max(initial=0))
    if named or last < 2 or not np.array_equal(np.unique(labels), np.arange(1, last + 1)):
        return
    raise BadData(
        f"Labels go from 1 to {last}. Expected class numbers from 0: type labels - 1. Where 0 is a class that these"
        f" images do not show, name all {last + 1} classes (class_names in the .npz)."
    )


def _as_labels(labels: Array) -> str:
    if labels.ndim > 1:
        return "for one-hot rows type labels.argmax(1)"
    if labels.dtype.kind == "f":
        return "type labels.astype('int64')"
    return "for names of classes type numpy.unique(labels, return_inverse=True)[1]"
