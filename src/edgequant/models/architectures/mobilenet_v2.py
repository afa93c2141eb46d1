"""MobileNetV2 (Sandler et al., 2018, arXiv:1801.04381, table 2).

State-dict names are torchvision's, so its checkpoints load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ..model import AbstractModel

# expansion, channels, repeats, stride: the rows of table 2
ROWS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def round_channels(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, never more than a tenth below (the paper authors' `_make_divisible`)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


class ConvNormActivation(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        expand = [ConvNormActivation(inputs, hidden, 1)] if expansion != 1 else []
        depthwise = ConvNormActivation(hidden, hidden, 3, stride, hidden)
        self.conv = nn.Sequential(
            *expand, depthwise, nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        )
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)  # type: ignore[no-any-return]


class Network(nn.Module):
    def __init__(
        self, channels: int, classes: int, width: float, stem_strides: tuple[int, int], dropout: float
    ) -> None:
        super().__init__()
        last = round_channels(1280 * max(1.0, width))
        current = round_channels(32 * width)
        layers: list[nn.Module] = [ConvNormActivation(channels, current, 3, stem_strides[0])]
        for row, (expansion, base, repeats, stride) in enumerate(ROWS):
            outputs = round_channels(base * width)
            for i in range(repeats):
                first = stem_strides[1] if row == 1 else stride
                layers.append(InvertedResidual(current, outputs, first if i == 0 else 1, expansion))
                current = outputs
        layers.append(ConvNormActivation(current, last, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(last, classes))
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


def _initialise(module: nn.Module) -> None:
    """He initialisation by fan-out, as torchvision's MobileNetV2."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


@final
@dataclass(frozen=True)
class MobileNetV2(AbstractModel):
    """MobileNetV2 with a width multiplier; the `cifar` stem keeps 32x32 (strides 1, 1), `imagenet` halves twice."""

    width: float = 1.0
    stem: str = "cifar"
    dropout: float = 0.0
    size: int = 224

    def __post_init__(self) -> None:
        if self.stem not in ("cifar", "imagenet"):
            raise BadModel(f"mobilenet_v2 has the stems 'cifar' and 'imagenet'. Got stem={self.stem!r}.")
        if self.width <= 0:
            raise BadModel(f"mobilenet_v2's width must be above 0. Got width={self.width}.")

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        if self.stem == "cifar":
            return InputSpec(*(image_shape or (3, 32, 32)))
        resize: Literal[256] | None = 256 if self.size == 224 else None
        return InputSpec(3, self.size, self.size, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), resize=resize)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        strides = (1, 1) if self.stem == "cifar" else (2, 2)
        return Network(inputs.channels, classes, self.width, strides, self.dropout)
