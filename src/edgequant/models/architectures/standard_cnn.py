"""A plain network: 3x3 convolutions, BatchNorm, ReLU, max pooling, a global mean, one linear layer.

Nothing in it is hard to quantize or to lower, which makes it the network to try a method on first.
Its widths were chosen for 32x32: 358 k parameters, 24.5 M multiplications, most of them at 16x16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ..model import AbstractModel

STAGES = ((32,), (48, 64), (96, 128), (128,))  # channels of the convolutions between two poolings
SMALLEST = 8  # pixels
KEPT = 3  # pixels a pooling must leave, or it is left out: 32 pools thrice, 28 thrice, 8 once


class ConvNormActivation(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Network(nn.Module):
    def __init__(self, channels: int, classes: int, width: float, side: int, dropout: float) -> None:
        super().__init__()
        current = channels
        layers: list[nn.Module] = []
        for row, stage in enumerate(STAGES):
            if row > 0 and side // 2 >= KEPT:
                layers.append(nn.MaxPool2d(2))
                side //= 2
            for base in stage:
                outputs = max(1, round(base * width))
                layers.append(ConvNormActivation(current, outputs))
                current = outputs
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(current, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


@final
@dataclass(frozen=True)
class StandardCNN(AbstractModel):
    """Six convolutions; `width` multiplies their channels; `size` is used where images have sizes of their own."""

    width: float = 1.0
    dropout: float = 0.0
    size: int = 32

    def __post_init__(self) -> None:
        if self.width <= 0:
            raise BadModel(f"standard_cnn's width must be above 0. Got width={self.width}.")
        if not 0 <= self.dropout < 1:
            raise BadModel(f"standard_cnn's dropout is at least 0 and below 1. Got dropout={self.dropout}.")

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        shape = image_shape or (3, self.size, self.size)
        if min(shape[1:]) < SMALLEST:
            raise BadModel(
                f"standard_cnn takes images of {SMALLEST}x{SMALLEST} pixels or more. Got {shape[1]}x{shape[2]}."
                " Use larger images, or a model of your own (path/to/file.py:factory)."
            )
        return InputSpec(*shape)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        return Network(inputs.channels, classes, self.width, min(inputs.height, inputs.width), self.dropout)
