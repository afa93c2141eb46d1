"""Where windows lie over an image: the pads of convolutions, and pooling exactly as ONNX places it.

PyTorch pads both sides alike; ONNX each side by an amount of its own. A pooling is PyTorch's own where the windows
are the same ones. Else the image is padded first: for a maximum with what lies at its border, which no window sees
without that border itself, so that no maximum changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
import torch.nn.functional as F

from .site import Compute, OnnxNode

Pair = tuple[int, int]
SAME = ("SAME_UPPER", "SAME_LOWER")


@final
@dataclass(frozen=True)
class Axis:
    """Windows along one axis of `size` pixels; `kernel` is their extent, with dilation."""

    size: int
    kernel: int
    stride: int
    before: int
    behind: int
    ceil: bool = False

    @property
    def count(self) -> int:
        """ONNX, AveragePool: windows that would start behind the last pixel and its padding before are left out."""
        made = windows(self.size + self.before + self.behind, self.kernel, self.stride, self.ceil)
        return made - 1 if self.ceil and (made - 1) * self.stride >= self.size + self.before else made

    @property
    def reach(self) -> int:
        """Pixels of padding behind that the last window needs."""
        return max((self.count - 1) * self.stride + self.kernel - self.size - self.before, 0)

    @property
    def touches(self) -> bool:
        """Whether every window sees a pixel."""
        return self.before < self.kernel and (self.count - 1) * self.stride - self.before < self.size

    def counted(self) -> list[int]:
        """How many pixels each window sees."""
        starts = [i * self.stride - self.before for i in range(self.count)]
        return [min(a + self.kernel, self.size) - max(a, 0) for a in starts]

    def alike(self, ceil: bool) -> bool:
        """Whether PyTorch, with the padding before on both sides, has these windows."""
        if 2 * self.before > self.kernel:
            return False
        made = windows(self.size + 2 * self.before, self.kernel, self.stride, ceil)
        if ceil and (made - 1) * self.stride >= self.size + self.before:
            made -= 1
        return made == self.count


def windows(size: int, kernel: int, stride: int, ceil: bool) -> int:
    return (-((kernel - size) // stride) if ceil else (size - kernel) // stride) + 1


def pair(site: OnnxNode, name: str) -> Pair:
    """Two positive numbers of an attribute; (1, 1) where it is left out."""
    found = site.get(name) or [1, 1]
    if len(found) != 2 or min(found) < 1:
        site.refuse(f"has {name} = {found}", "two positive numbers, of an image")
    return int(found[0]), int(found[1])


def pads(site: OnnxNode, sizes: Sequence[int], kernel: Pair, stride: Pair) -> tuple[int, int, int, int]:
    """(left, right, top, bottom). SAME: `(ceil(n / s) - 1) * s + k - n` in all, the odd one behind (UPPER) or before.

    `kernel` is the extent with dilation.
    """
    mode, given = site.get("auto_pad"), site.get("pads") or [0, 0, 0, 0]
    if len(given) != 4 or min(given) < 0 or (mode != "NOTSET" and any(given)):
        site.refuse(f"has pads = {given} and auto_pad = {mode}", "four pads that are not negative, or auto_pad alone")
    if mode in ("NOTSET", "VALID"):
        top, left, bottom, right = (int(p) for p in given)
        return left, right, top, bottom
    if mode not in SAME:
        site.refuse(f"has auto_pad = {mode}", "NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    sides: list[tuple[int, int]] = []
    for n, k, s in zip(sizes, kernel, stride):
        total = (-(-n // s) - 1) * s + k - n
        if total < -1:
            site.refuse(f"strides by {s} over {k} pixels with auto_pad, which runtimes read in two ways", "pads")
        small, large = max(total, 0) // 2, -(-max(total, 0) // 2)
        sides.append((small, large) if mode == "SAME_UPPER" else (large, small))
    return (*sides[1], *sides[0])


def pooling(kind: str) -> Any:
    """MaxPool or AveragePool as what prepares a node."""

    def prepare(site: OnnxNode) -> Compute:
        kernel, stride, dilation = (pair(site, name) for name in ("kernel_shape", "strides", "dilations"))
        if kind == "average" and dilation != (1, 1):
            site.refuse(f"has dilations = {list(dilation)}", "windows without gaps")
        if dilation != (1, 1) and site.get("auto_pad") in SAME:
            site.refuse("has dilations and auto_pad, which runtimes read in two ways", "dilations and pads")
        extent = (kernel[0] + (kernel[0] - 1) * (dilation[0] - 1), kernel[1] + (kernel[1] - 1) * (dilation[1] - 1))

        def run(x: torch.Tensor) -> torch.Tensor:
            if x.dim() != 4:
                site.refuse(f"pools {x.dim()} dimensions", "an image (N, C, H, W)")
            left, right, top, bottom = pads(site, x.shape[2:], extent, stride)
            ceil = bool(site.get("ceil_mode"))
            rows = Axis(x.shape[2], extent[0], stride[0], top, bottom, ceil)
            columns = Axis(x.shape[3], extent[1], stride[1], left, right, ceil)
            if rows.count < 1 or columns.count < 1 or not (rows.touches and columns.touches):
                site.refuse("has windows that lie in its padding alone, or none", "windows that see a pixel each")
            if kind == "max":
                return _largest(x, rows, columns, kernel, stride, dilation)
            return _average(site, x, rows, columns, kernel, stride)

        return run

    return prepare


def _native(rows: Axis, columns: Axis) -> bool | None:
    """The `ceil_mode` with which PyTorch has these windows; None where it has them with neither."""
    return next((c for c in (False, True) if rows.alike(c) and columns.alike(c)), None)


def _largest(x: torch.Tensor, rows: Axis, columns: Axis, kernel: Pair, stride: Pair, dilation: Pair) -> torch.Tensor:
    ceil = _native(rows, columns)
    if ceil is not None:
        return F.max_pool2d(x, kernel, stride, (rows.before, columns.before), dilation, ceil)
    around = (columns.before, columns.reach, rows.before, rows.reach)
    if dilation == (1, 1):
        return F.max_pool2d(F.pad(x, around, "replicate"), kernel, stride)
    return F.max_pool2d(F.pad(x, around, value=float("-inf")), kernel, stride, 0, dilation)  # may step over the border


def _average(site: OnnxNode, x: torch.Tensor, rows: Axis, columns: Axis, kernel: Pair, stride: Pair) -> torch.Tensor:
    padded = any((rows.before, rows.behind, columns.before, columns.behind))
    if site.get("count_include_pad") and padded:
        even = (rows.before, columns.before) == (rows.behind, columns.behind)
        if even and 2 * rows.before <= kernel[0] and 2 * columns.before <= kernel[1]:
            return F.avg_pool2d(x, kernel, stride, (rows.before, columns.before), rows.ceil, True)
        # What lies behind the padding, in windows that `ceil_mode` adds, does not count
        around = (columns.before, columns.behind, rows.before, rows.behind)
        made = F.avg_pool2d(F.pad(x, around), kernel, stride, 0, rows.ceil)
        return made[:, :, : rows.count, : columns.count]
    ceil = _native(rows, columns)
    if ceil is not None:
        return F.avg_pool2d(x, kernel, stride, (rows.before, columns.before), ceil, False)
    around = (columns.before, columns.reach, rows.before, rows.reach)
    seen = torch.tensor(rows.counted())[:, None] * torch.tensor(columns.counted())
    return F.avg_pool2d(F.pad(x, around), kernel, stride) * (kernel[0] * kernel[1] / seen).float()
