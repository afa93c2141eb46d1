"""Resize and Upsample: read where ONNX's samples are those of torch's nearest or bilinear interpolation.

Both are matrices that act on rows and on columns. ONNX's is computed from its formulas (Resize-19), torch's by
interpolating the identity; where they are equal, torch's function stands for the node. So each combination of
modes is decided by what it computes at these very sizes, not by a list of names.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ....core.arrays import Array
from .site import Compute, OnnxNode, Value
from .sizes import Sizes

Ways = tuple[str, str, str]  # mode, coordinate_transformation_mode, nearest_mode
TORCH: dict[str, list[dict[str, Any]]] = {
    "nearest": [{"mode": "nearest"}],
    "linear": [{"mode": "bilinear", "align_corners": corners} for corners in (False, True)],
}
LARGEST = 1e-4  # of a difference between two weights: coordinates are float32


def resize(site: OnnxNode) -> Compute:
    """The rows of sizes and scales are for all dimensions, or for `axes`."""
    ways: Ways = (site.get("mode"), site.get("coordinate_transformation_mode"), site.get("nearest_mode"))
    old = site.node.op_type == "Upsample" or site.version == 10
    if old:
        ways = (ways[0], "asymmetric", "floor")  # as runtimes read Upsample and Resize-10
    elif site.version < 13 and ways[1] == "tf_half_pixel_for_nn" and ways[0] != "nearest":
        site.refuse(f"resizes by {ways[0]} at {ways[1]}", "nearest")

    def run(x: torch.Tensor, *given: Value) -> torch.Tensor:
        if x.dim() != 4:
            site.refuse(f"resizes {x.dim()} dimensions", "an image (N, C, H, W)")
        (high, wide), factors = _targets(site, x, *given)
        if old and min(factors) < 1:
            site.refuse(f"makes the image smaller, by {factors}; {site.node.op_type} does not say how", "Resize-11")
        if site.get("antialias") and min(factors) < 1:
            site.refuse(f"has antialias = 1 and makes the image smaller, by {factors}", "antialias = 0")
        kinds = [_kinds(n, m, f, ways) for n, m, f in zip(x.shape[2:], (high, wide), factors)]
        for how in TORCH.get(ways[0], []):
            if all(tuple(how.items()) in kind for kind in kinds):
                return F.interpolate(x, (high, wide), **how)
        size = f"{tuple(x.shape[2:])} to {(high, wide)}"
        return site.refuse(
            f"resizes {size} by {', '.join(w for w in ways if w)}, scales {factors}: samples that PyTorch has not",
            "nearest (asymmetric, floor) or linear (half_pixel, align_corners), by scales that give whole pixels",
        )

    return run


def _targets(site: OnnxNode, x: torch.Tensor, *given: Value) -> tuple[tuple[int, int], list[float]]:
    """(height, width) to make, and the factors; from `scales` or `sizes`. Raises BadModel for other dimensions."""
    if site.node.op_type == "Upsample" or site.version == 10:
        scales, sizes = (given[0] if given else None), None
    else:
        _, scales, sizes = (*given, None, None, None)[:3]
    axes = [a % 4 for a in site.get("axes") or range(4)]
    values = site.get("scales") if site.version == 7 else None
    if values is None and scales is not None:
        values = site.numbers(scales).reshape(-1).tolist()
    if values:
        if len(values) != len(axes):
            site.refuse(f"has {len(values)} scales for {len(axes)} dimensions", "as many")
        by_axis = dict(zip(axes, values))
        if any(by_axis.get(a, 1.0) != 1.0 for a in (0, 1)):
            site.refuse(f"resizes the channels or the images, by {values}", "rows and columns")
        factors = [float(by_axis.get(a, 1.0)) for a in (2, 3)]
        return (_floor(site, x.shape[2], factors[0]), _floor(site, x.shape[3], factors[1])), factors
    return _by_sizes(site, x, axes, sizes)


def _by_sizes(site: OnnxNode, x: torch.Tensor, axes: list[int], sizes: Value) -> tuple[tuple[int, int], list[float]]:
    if sizes is None:
        site.refuse("has neither scales nor sizes", "one of them")
    parts = sizes.parts() if isinstance(sizes, Sizes) else site.ints(sizes)
    if len(parts) != len(axes):
        site.refuse(f"has {len(parts)} sizes for {len(axes)} dimensions", "as many")
    by_axis = dict(zip(axes, parts))
    stated: Any = by_axis.get(0)
    images = stated is None or isinstance(stated, torch.SymInt) or stated == site.shapes.batch
    if by_axis.get(1, x.shape[1]) != x.shape[1] or not (images or stated == x.shape[0]):
        site.refuse(f"resizes the channels or the images, to {parts}", "rows and columns")
    high, wide = (by_axis.get(a, x.shape[a]) for a in (2, 3))
    if not isinstance(high, int) or not isinstance(wide, int):
        site.refuse("resizes to a size that follows the number of images", "a fixed size")
    return (high, wide), [high / x.shape[2], wide / x.shape[3]]


def _floor(site: OnnxNode, size: int, factor: float) -> int:
    """`floor(size * factor)`, where rounding does not decide."""
    made, single = int(np.floor(size * factor)), int(np.floor(np.float32(size) * np.float32(factor)))
    if made != single:
        site.refuse(f"makes {size} pixels {size * factor}", "a factor that gives whole pixels")
    return made


@lru_cache(maxsize=256)
def _kinds(size: int, made: int, factor: float, ways: Ways) -> tuple[tuple[tuple[str, Any], ...], ...]:
    """The functions of torch that make `made` pixels of `size` as ONNX says."""
    found = []
    wanted = [_matrix(size, made, factor, ways, dtype) for dtype in (np.float64, np.float32)]
    if wanted[0] is None or wanted[1] is None or made < 1:
        return ()
    if float(np.abs(wanted[0] - wanted[1]).max()) > LARGEST:  # rounding decides which pixel is nearest
        return ()
    for how in TORCH.get(ways[0], []):
        eye = torch.eye(size, dtype=torch.float32, device="cpu")[None, None]
        ours = F.interpolate(eye, (size, made), **how)[0, 0].T.numpy()
        if float(np.abs(ours - wanted[0]).max()) <= LARGEST:
            found.append(tuple(how.items()))
    return tuple(found)


def _matrix(size: int, made: int, factor: float, ways: Ways, dtype: Any) -> Array | None:
    """(made, size) weights; None for modes that are not read."""
    at = _coordinates(size, made, dtype(factor), ways[1], dtype)
    if at is None or ways[0] not in TORCH:
        return None
    rows = np.arange(made)
    weights = np.zeros((made, size))
    if ways[0] == "nearest":
        rounds: dict[str, Any] = {
            "round_prefer_floor": lambda x: np.ceil(x - dtype(0.5)),
            "round_prefer_ceil": lambda x: np.floor(x + dtype(0.5)),
            "floor": np.floor,
            "ceil": np.ceil,
        }
        if ways[2] not in rounds:
            return None
        weights[rows, np.clip(rounds[ways[2]](at), 0, size - 1).astype(int)] = 1
        return weights
    inside = np.clip(at, 0, size - 1)
    low = np.floor(inside).astype(int)
    share = inside - low
    np.add.at(weights, (rows, low), 1 - share)
    np.add.at(weights, (rows, np.minimum(low + 1, size - 1)), share)
    return weights


def _coordinates(size: int, made: int, factor: Any, mode: str, dtype: Any) -> Array | None:
    """Of each new pixel in the old image, by the formulas of Resize-19 and, for nearest in TF, Resize-11."""
    x, half, one = np.arange(made).astype(dtype), dtype(0.5), dtype(1)
    if mode == "half_pixel" or (mode == "pytorch_half_pixel" and made > 1):
        return (x + half) / factor - half  # type: ignore[no-any-return]
    if mode == "pytorch_half_pixel":
        return x * 0
    if mode == "asymmetric":
        return x / factor  # type: ignore[no-any-return]
    if mode == "tf_half_pixel_for_nn":
        return (x + half) / factor  # type: ignore[no-any-return]
    if mode == "align_corners" and abs(made - size * float(factor)) > LARGEST:
        return None  # runtimes and ONNX's reference differ in what the new size is
    if mode == "align_corners":
        return x * dtype(size - 1) / dtype(made - 1) if made > 1 else x * 0
    if mode == "half_pixel_symmetric":
        adjustment = dtype(made) / (factor * dtype(size))
        return dtype(size) / 2 * (one - adjustment) + (x + half) / factor - half  # type: ignore[no-any-return]
    return None
