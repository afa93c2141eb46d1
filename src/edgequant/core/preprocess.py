"""Pixels to what the network sees, in the two array libraries that need it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .arrays import Array
from .image import InputSpec

if TYPE_CHECKING:
    import torch

BAR = 114  # of each channel, in a letterbox: the grey of YOLO's, which most networks that want one were trained with


def normalise(images: Array, spec: InputSpec) -> Array:
    """(N, H, W, C) RGB or grey pixels in 0..255 -> (N, C, H, W) float32, `(pixel / 255 - mean) / std`, in its order."""
    images = images[..., ::-1] if _swaps(spec) else images
    mean = np.asarray(spec.mean, np.float32) * np.float32(255)
    std = np.asarray(spec.std, np.float32) * np.float32(255)
    return np.ascontiguousarray(((images.astype(np.float32) - mean) / std).transpose(0, 3, 1, 2))


def normalise_tensor(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """The same for a float tensor (N, C, H, W) of pixels in 0..255, on its own device."""
    import torch

    pixels = pixels.flip(1) if _swaps(spec) else pixels
    mean = torch.tensor(spec.mean, device=pixels.device).view(1, -1, 1, 1) * 255
    std = torch.tensor(spec.std, device=pixels.device).view(1, -1, 1, 1) * 255
    return (pixels - mean) / std


def _swaps(spec: InputSpec) -> bool:
    return spec.order == "bgr" and spec.channels == COLOURS


def input_range(spec: InputSpec) -> tuple[float, float]:
    """(low, high) of the normalised input: known from the pixels' 0..255, so never estimated."""
    lows = [(0 - m) / s for m, s in zip(spec.mean, spec.std)]
    highs = [(1 - m) / s for m, s in zip(spec.mean, spec.std)]
    return min(lows), max(highs)


def pixel_record(spec: InputSpec) -> dict[str, Any]:
    """What a file says of its pixels, so that an app, and `from_pixel_record`, prepare them as the study did."""
    return {
        "mean": spec.mean,
        "std": spec.std,
        "shape": spec.shape,
        "resize": spec.resize,
        "interpolation": spec.interpolation,
        **({} if spec.antialias else {"antialias": False}),
        **({"order": spec.order} if _swaps(spec) else {}),
        **({"fit": spec.fit} if spec.fit else {}),
    }


def from_pixel_record(shape: tuple[int, int, int], record: Mapping[str, Any]) -> InputSpec:
    """`shape` is (C, H, W) of the file itself. `record` says mean and std at least.

    Raises KeyError, TypeError and ValueError for what no image is prepared by: a file from anywhere may say anything.
    """
    channels, height, width = (_side(side) for side in shape)
    resize, interpolation = record.get("resize"), record.get("interpolation", "bilinear")
    if interpolation not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolation {interpolation!r}; expected bilinear or bicubic")
    mean, std = (_per_channel(record[name], channels) for name in ("mean", "std"))
    if min(std) <= 0:
        raise ValueError(f"std {list(std)}; expected numbers above 0")
    order, fit = record.get("order", "rgb"), record.get("fit", "")
    if order not in ("rgb", "bgr") or fit not in ("", "crop", "letterbox"):
        raise ValueError(f"order {order!r} and fit {fit!r}; expected rgb or bgr, and crop, letterbox or none")
    how = {"interpolation": interpolation, "antialias": bool(record.get("antialias", True)), "order": order, "fit": fit}
    resized = None if resize is None else _side(resize)
    return InputSpec(channels, height, width, mean=mean, std=std, resize=resized, **how)


LARGEST = 1 << 14  # pixels a side
COLOURS = 3


def _side(size: Any) -> int:
    if not isinstance(size, int | np.integer) or not 1 <= size <= LARGEST:
        raise ValueError(f"a side of {size!r} pixels; expected 1 to {LARGEST}")
    return int(size)


def _per_channel(values: Any, channels: int) -> tuple[float, ...]:
    found = tuple(float(value) for value in values)
    if len(found) not in (1, channels) or not all(map(math.isfinite, found)):
        raise ValueError(f"mean or std {list(found)}; expected one number, or one for each of {channels} channels")
    return found
