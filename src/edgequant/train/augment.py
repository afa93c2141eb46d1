"""Augmentation as batched tensor work on whatever device holds the batch.

Every function takes and returns `(N, C, H, W)` float32 pixels; each image draws its own numbers
from torch's global generator, which the loop seeds per epoch.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..core.errors import BadOption
from .settings import TrainSettings


def augment(x: torch.Tensor, settings: TrainSettings) -> torch.Tensor:
    names = settings.augment
    if "flip" in names:
        x = flip(x)
    if "rotate" in names or "zoom" in names:
        degrees = settings.rotate if "rotate" in names else 0.0
        x = rotate_and_zoom(x, degrees, settings.zoom if "zoom" in names else 0.0)
    if "crop" in names:
        x = crop(x, settings.crop_padding)
    return cutout(x, settings.cutout) if "cutout" in names else x


def flip(x: torch.Tensor) -> torch.Tensor:
    mirror = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
    return torch.where(mirror, x.flip(-1), x)


def crop(x: torch.Tensor, padding: int) -> torch.Tensor:
    """Shift by up to `padding` pixels each way; what comes in is the mirrored border. Raises BadOption."""
    n, _, h, w = x.shape
    if padding >= min(h, w):
        raise BadOption(f"train.crop_padding must be below the image's side. Got {padding} for {h}x{w} pixels.")
    padded = F.pad(x, (padding,) * 4, mode="reflect")
    top, left = torch.randint(0, 2 * padding + 1, (2, n, 1), device=x.device)
    rows = (top + torch.arange(h, device=x.device)).view(n, 1, h, 1)
    columns = (left + torch.arange(w, device=x.device)).view(n, 1, 1, w)
    image = torch.arange(n, device=x.device).view(n, 1, 1, 1)
    channel = torch.arange(x.shape[1], device=x.device).view(1, -1, 1, 1)
    return padded[image, channel, rows, columns]


def rotate_and_zoom(x: torch.Tensor, degrees: float, zoom: float) -> torch.Tensor:
    """Rotation uniform in +-degrees and scale uniform in 1+-zoom, bilinear, borders mirrored."""
    h, w = x.shape[2:]
    angle = (torch.rand(len(x), device=x.device) * 2 - 1) * torch.pi * degrees / 180
    scale = 1 + (torch.rand(len(x), device=x.device) * 2 - 1) * zoom
    cos, sin, zero = torch.cos(angle) * scale, torch.sin(angle) * scale, torch.zeros_like(angle)
    # The grid runs from -1 to 1 along either side: without the ratio a rotation would shear a wide image.
    matrix = torch.stack([cos, -sin * (h / w), zero, sin * (w / h), cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)


def cutout(x: torch.Tensor, side: int) -> torch.Tensor:
    """A grey square somewhere in each image (DeVries and Taylor, 2017, arXiv:1708.04552)."""
    n, _, h, w = x.shape
    centre = torch.rand(2, n, 1, 1, device=x.device)
    rows = (torch.arange(h, device=x.device).view(1, h, 1) - centre[0] * h).abs() < side / 2
    columns = (torch.arange(w, device=x.device).view(1, 1, w) - centre[1] * w).abs() < side / 2
    return x.masked_fill((rows & columns).unsqueeze(1), 128.0)


def resize(x: torch.Tensor, side: int) -> torch.Tensor:
    """To `side` rows, the width in proportion; antialiased."""
    h, w = x.shape[2:]
    if side == h:
        return x
    size = (side, max(1, round(w * side / h)))
    return F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
