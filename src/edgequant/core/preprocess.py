"""Pixels to what the network sees, in the two array libraries that need it."""

from __future__ import annotations

import numpy as np
import torch

from .interfaces import Array
from .records import InputSpec


def normalise(images: Array, spec: InputSpec) -> Array:
    """(N, H, W, C) pixels in 0..255 -> (N, C, H, W) float32, `(pixel / 255 - mean) / std`."""
    mean = np.asarray(spec.mean, np.float32) * np.float32(255)
    std = np.asarray(spec.std, np.float32) * np.float32(255)
    return np.ascontiguousarray(((images.astype(np.float32) - mean) / std).transpose(0, 3, 1, 2))


def normalise_tensor(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """The same for a float tensor (N, C, H, W) of pixels in 0..255, on its own device."""
    mean = torch.tensor(spec.mean, device=pixels.device).view(1, -1, 1, 1) * 255
    std = torch.tensor(spec.std, device=pixels.device).view(1, -1, 1, 1) * 255
    return (pixels - mean) / std


def input_range(spec: InputSpec) -> tuple[float, float]:
    """(low, high) of the normalised input: known from the pixels' 0..255, so never estimated."""
    lows = [(0 - m) / s for m, s in zip(spec.mean, spec.std)]
    highs = [(1 - m) / s for m, s in zip(spec.mean, spec.std)]
    return min(lows), max(highs)
