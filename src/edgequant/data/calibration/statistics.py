"""What an image looks like in a few numbers, so that two sets of images can be compared without looking at them.

Each number answers for something that goes wrong with calibration images: levels (0..1 against 0..255, another
domain), colours (red and blue swapped), texture (noise, resampling), flat areas (erased patches, padded borders),
left against right and top against bottom (layout, rotation).
"""

from __future__ import annotations

import numpy as np

from ...core.arrays import Array
from ..dataset import AbstractSplit

BATCH = 64
MOST = 2000  # images of a set that are looked at: the tests then see a shift of 6% of a feature's distribution
BYTES = 300_000_000  # of pixels that are decoded for it at most


def statistics(images: Array) -> dict[str, Array]:
    """Name -> (n,) float64, of images (n, H, W, C) whose pixels are 0..255."""
    x = images.astype(np.float64)
    return {**_levels(x), **_colours(x), **_texture(x.mean(3)), **_sides(x.mean(3))}


def split_statistics(split: AbstractSplit, positions: Array | None = None) -> dict[str, Array]:
    """The same of a split, or of these positions of it, in batches: memory holds one of them."""
    where = np.arange(len(split)) if positions is None else positions
    parts = [statistics(split.take(where[at : at + BATCH])) for at in range(0, len(where), BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def some(split: AbstractSplit, seed: int = 0) -> Array:
    """Positions of at most MOST images of a split, fewer where they are large, chosen at random."""
    pixels = int(np.prod(split.take(np.arange(1)).shape)) if len(split) else 1
    count = min(len(split), MOST, max(1, BYTES // pixels))
    return np.sort(np.random.default_rng(seed).permutation(len(split))[:count])


def _levels(x: Array) -> dict[str, Array]:
    flat = x.reshape(len(x), -1)
    ends = {"darkest level": flat.min(1), "brightest level": flat.max(1), "spread of levels": flat.std(1)}
    return ends | {"share of black": (flat <= 0).mean(1), "share of white": (flat >= 255).mean(1)}


def _colours(x: Array) -> dict[str, Array]:
    means = {f"mean of channel {c}": x[..., c].mean((1, 2)) for c in range(x.shape[3])}
    if x.shape[3] < 3:
        return means
    difference = x[..., 0] - x[..., 2]
    return means | {"first less third channel": difference.mean((1, 2)), "spread of that": difference.std((1, 2))}


def _texture(grey: Array) -> dict[str, Array]:
    """Of (n, H, W). Differences of neighbours tell smooth from rough, second ones sharp from resampled."""
    across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
    second = np.diff(across, axis=2)
    flat = (across[:, :-1] == 0) & (down[:, :, :-1] == 0)
    return {
        "roughness across": np.log1p((across**2).mean((1, 2))),
        "roughness down": np.log1p((down**2).mean((1, 2))),
        "sharpness": np.log1p((second**2).mean((1, 2))) if second.size else np.zeros(len(grey)),
        "likeness of neighbours": neighbour_likeness(grey),
        "share of flat areas": flat.mean((1, 2)),
    }


def neighbour_likeness(grey: Array) -> Array:
    """(n,) correlation of each pixel of (n, H, W) with its right neighbour: near 1 in photographs, 0 in noise."""
    left, right = grey[:, :, :-1], grey[:, :, 1:]
    a, b = (side - side.mean((1, 2), keepdims=True) for side in (left, right))
    size = np.sqrt((a**2).sum((1, 2)) * (b**2).sum((1, 2)))
    likeness: Array = np.divide((a * b).sum((1, 2)), size, out=np.zeros(len(grey)), where=size > 0)
    return likeness


def _sides(grey: Array) -> dict[str, Array]:
    _, h, w = grey.shape
    inner = grey[:, h // 4 : h - h // 4, w // 4 : w - w // 4].mean((1, 2))
    return {
        "left less right": grey[:, :, : w // 2].mean((1, 2)) - grey[:, :, w - w // 2 :].mean((1, 2)),
        "top less bottom": grey[:, : h // 2].mean((1, 2)) - grey[:, h - h // 2 :].mean((1, 2)),
        "middle less whole": inner - grey.mean((1, 2)),
    }
