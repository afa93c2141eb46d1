"""ResNet-20 for CIFAR-10 with published weights, as a network of one's own: `benchmarks/resnet20.py:make`.

He et al., 2016, section 4.2 (arXiv:1512.03385): three stages of three blocks of 16, 32 and 64 channels. The shortcuts
have no parameters (option A); they are written as a fixed 1x1 convolution, as padded channels are not in edgequant's op
table. The weights are those of github.com/akamaster/pytorch_resnet_cifar10 (`resnet20-12fca82f.th`), in
$EDGEQUANT_DATA/weights/resnet20_cifar10. On all 10,000 test images the float network is right on 91.73%.

    edgequant quantize benchmarks/resnet20.py:make --data cifar10 --recipe w8a8 --out runs/resnet20
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from edgequant.models.weights import load_weights

WEIGHTS = "weights/resnet20_cifar10/resnet20-12fca82f.th"
WIDTHS = (16, 32, 64)
BLOCKS = 3

input_spec = {
    "channels": 3, "height": 32, "width": 32, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
}  # fmt: skip


def make() -> nn.Module:
    """The network with its weights. Raises BadModel where the file is missing, or is another network's."""
    network = ResNet20()
    load_weights(network, Path(os.environ.get("EDGEQUANT_DATA", "."), WEIGHTS))
    return network.eval()


class ResNet20(nn.Module):
    """(N, 3, 32, 32) normalised in, (N, 10) scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = _conv3x3(3, WIDTHS[0], 1)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.layer1, self.layer2, self.layer3 = (_stage(max(16, width // 2), width) for width in WIDTHS)
        self.linear = nn.Linear(WIDTHS[-1], 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


class Block(nn.Module):
    """Two convolutions beside a shortcut, which skips every other pixel and adds channels of zeros where it must."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.narrower = inputs < outputs
        self.conv1 = _conv3x3(inputs, outputs, 2 if self.narrower else 1)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = _conv3x3(outputs, outputs, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.register_buffer("padding", _padding(inputs, outputs), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (F.conv2d(x, self.padding, stride=2) if self.narrower else x))


def _padding(inputs: int, outputs: int) -> torch.Tensor:
    """(O, I, 1, 1): the channels as they are, with as many of zeros before them as behind."""
    before = (outputs - inputs) // 2
    return F.pad(torch.eye(inputs), (0, 0, before, before)).view(outputs, inputs, 1, 1)


def _conv3x3(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*(Block(inputs if i == 0 else outputs, outputs) for i in range(BLOCKS)))
