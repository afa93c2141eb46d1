"""Padding as torch gives it (pixels on each side) against what TensorFlow's SAME and VALID mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from ....graph.program import Step

Padding = tuple[int, int, int, int]  # left, right, top, bottom


@final
@dataclass(frozen=True)
class Window:
    """One side of a sliding window: input size, kernel (dilated), stride, pixels before and after."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int

    @property
    def out(self) -> int:
        return (self.size + self.before + self.after - self.kernel) // self.stride + 1

    def is_valid(self) -> bool:
        return self.before == 0 and self.after == 0

    def is_same(self) -> bool:
        """SAME makes out = ceil(size / stride), and pads (out - 1) * stride + kernel - size, half of it before.

        Pixels of `after` that no window reaches may differ.
        """
        out = -(-self.size // self.stride)
        total = max((out - 1) * self.stride + self.kernel - self.size, 0)
        return self.out == out and self.before == total // 2 and self.after >= total - total // 2


def sides(windows: Sequence[Window]) -> Padding:
    high, wide = windows
    return wide.before, max(wide.after, 0), high.before, max(high.after, 0)


def pool_windows(step: Step, size: tuple[int, ...]) -> list[Window]:
    """Height and width windows of a pooling; where it takes a last window in part (ceil), more pixels after."""
    windows = []
    for axis, (kernel, stride, padding) in enumerate(zip(*(step.attrs[k] for k in ("kernel", "stride", "padding")))):
        reach = (step.shape[1 + axis] - 1) * stride + kernel - size[axis] - padding
        windows.append(Window(size[axis], kernel, stride, padding, max(padding, reach)))
    return windows


def conv_windows(conv: torch.nn.Conv2d, size: tuple[int, int], extra: Padding) -> list[Window]:
    """Height and width windows of a convolution on an image of `size`, with `extra` around it."""
    left, right, top, bottom = extra
    windows = []
    for axis, more in enumerate(((top, bottom), (left, right))):
        kernel = (conv.kernel_size[axis] - 1) * conv.dilation[axis] + 1
        if isinstance(conv.padding, str):
            total = kernel - 1 if conv.padding == "same" else 0
            before, after = total // 2, total - total // 2
        else:
            before = after = int(conv.padding[axis])
        windows.append(Window(size[axis], kernel, conv.stride[axis], before + more[0], after + more[1]))
    return windows
