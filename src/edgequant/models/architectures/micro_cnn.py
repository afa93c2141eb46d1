"""A network for microcontrollers: a stem and depthwise separable blocks (Howard et al., 2017, arXiv:1704.04861).

    stem 3x3 -> 16        stride 2 from 64 pixels on, else 1
    16 -> 32              stride 2 from 16 pixels on, else 1
    32 -> 32
    32 -> 64              stride 2
    64 -> 64, 64 -> 64
    mean, linear

The strides follow the shorter side of the image, so that digits of 8x8 are not lost at the first
step and the last blocks see 4x4 (8 pixels), 7x7 (28) or 8x8 (32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ..model import AbstractModel

SMALLEST = 8  # pixels: two halvings must leave something to look at
STEM = 16
BLOCKS = ((32, True), (32, False), (64, True), (64, False), (64, False))  # channels, halves the image


class Separable(nn.Sequential):
    """3x3 depthwise, then 1x1, each with BatchNorm and ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class Network(nn.Module):
    def __init__(self, channels: int, classes: int, width: float, side: int) -> None:
        super().__init__()
        current, stride = scaled(STEM, width), 2 if side >= 64 else 1
        stem = nn.Conv2d(channels, current, 3, stride, 1, bias=False)
        layers: list[nn.Module] = [stem, nn.BatchNorm2d(current), nn.ReLU(inplace=True)]
        for row, (base, halves) in enumerate(BLOCKS):
            stride = 2 if halves and (row > 0 or side >= 16) else 1
            layers.append(Separable(current, scaled(base, width), stride))
            current = scaled(base, width)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(current, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


def scaled(channels: int, width: float) -> int:
    """`channels * width`, a multiple of 8: the kernels of microcontrollers work on groups of channels."""
    return max(8, round(channels * width / 8) * 8)


@final
@dataclass(frozen=True)
class MicroCNN(AbstractModel):
    """About 15 k parameters and 2 M multiplications at 32x32; `size` is used where images have sizes of their own."""

    width: float = 1.0
    size: int = 32

    def __post_init__(self) -> None:
        if self.width <= 0:
            raise BadModel(f"micro_cnn's width must be above 0. Got width={self.width}.")

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        shape = image_shape or (3, self.size, self.size)
        if min(shape[1:]) < SMALLEST:
            raise BadModel(
                f"micro_cnn takes images of {SMALLEST}x{SMALLEST} pixels or more. Got {shape[1]}x{shape[2]}."
                " Use larger images, or a model of your own (path/to/file.py:factory)."
            )
        return InputSpec(*shape)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        return Network(inputs.channels, classes, self.width, min(inputs.height, inputs.width))
