"""Small networks of random weights, each with the blocks that one well-known family is made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 5


def norm(channels: int) -> nn.BatchNorm2d:
    """With statistics that are not those of a fresh network."""
    made = nn.BatchNorm2d(channels)
    made.running_mean.normal_(0, 0.3)  # type: ignore[union-attr]
    made.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
    nn.init.uniform_(made.weight, 0.5, 1.5)
    nn.init.normal_(made.bias, 0, 0.3)
    return made


def conv(
    i: int, o: int, k: int = 1, stride: int = 1, groups: int = 1, act: type[nn.Module] | None = nn.ReLU
) -> nn.Module:
    layers = [nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False), norm(o)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Classifier(nn.Module):
    """A stem, blocks, a global mean and a linear layer."""

    def __init__(self, *blocks: nn.Module, channels: int, stem: int = 16) -> None:
        super().__init__()
        self.stem = conv(3, stem, 3, 2)
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))  # type: ignore[no-any-return]


class Excite(nn.Module):
    """Squeeze and excitation; the gate is `scale`."""

    def __init__(self, channels: int, act: type[nn.Module], scale: type[nn.Module]) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)
        self.act, self.scale = act(), scale()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale(self.up(self.act(self.down(x.mean((2, 3), keepdim=True)))))  # type: ignore[no-any-return]


class Inverted(nn.Module):
    """MobileNetV3's and EfficientNet's block: expand, depthwise, excite, project, add."""

    def __init__(self, channels: int, act: type[nn.Module], gate: type[nn.Module]) -> None:
        super().__init__()
        wide = channels * 3
        self.expand, self.depthwise = conv(channels, wide, act=act), conv(wide, wide, 5, groups=wide, act=act)
        self.excite = Excite(wide, nn.ReLU if gate is nn.Hardsigmoid else act, gate)
        self.project = conv(wide, channels, act=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.project(self.excite(self.depthwise(self.expand(x))))  # type: ignore[no-any-return]


class ShuffleUnit(nn.Module):
    """ShuffleNetV2's: half the channels pass, half are convolved, all are shuffled."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(conv(half, half), conv(half, half, 3, groups=half, act=None), conv(half, half))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = x.chunk(2, 1)
        x = torch.cat([left, self.branch(right)], 1)
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class DenseLayer(nn.Module):
    """DenseNet's: BatchNorm and ReLU before the convolution, the result beside the input."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm, self.conv = norm(channels), nn.Conv2d(channels, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.conv(F.relu(self.norm(x)))], 1)


class PreActivation(nn.Module):
    """ResNetV2's block, whose sums have no activation behind them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(channels), norm(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))  # type: ignore[no-any-return]


class Inception(nn.Module):
    """Four branches side by side, one behind an average pooling whose padding counts."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.pooled = conv(channels, 8), conv(channels, 8)
        self.three = nn.Sequential(conv(channels, 4), conv(4, 8, 3))
        self.factored = nn.Sequential(
            nn.Conv2d(channels, 8, (1, 5), padding=(0, 2)), nn.Conv2d(8, 8, (5, 1), padding=(2, 0)), nn.ReLU()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pooled(F.avg_pool2d(x, 3, 1, 1))
        return torch.cat([self.one(x), self.three(x), self.factored(x), pooled], 1)


class Separable(nn.Module):
    """Xception's: depthwise and pointwise convolutions, a strided pooling, a projected shortcut."""

    def __init__(self, i: int, o: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.ReLU(), conv(i, i, 3, groups=i, act=None), conv(i, o, act=None))
        self.shortcut = conv(i, o, 1, 2, act=None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(self.body(x), 3, 2, 1) + self.shortcut(x)  # type: ignore[no-any-return]


class UpPath(nn.Module):
    """A U-Net's: down, up by a transposed convolution and by interpolation, joined with what was there before."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.down = conv(channels, channels * 2, 3, 2)
        self.up = nn.ConvTranspose2d(channels * 2, channels, 2, 2)
        self.join, self.smooth = conv(channels * 2, channels, 3), conv(channels * 3, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.down(x)
        joined = self.join(torch.cat([x, self.up(low)], 1))
        wide = F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
        return self.smooth(torch.cat([joined, wide], 1))  # type: ignore[no-any-return]


class ConvNeXt(nn.Module):
    """A wide depthwise convolution, then LayerNorm, two linear layers and a scale, channels last."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.wide, self.back = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), 0.7))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.gamma * self.back(F.gelu(self.wide(y)))
        return x + y.permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class ChannelsLast(nn.Module):
    """As Keras on torch writes a network: every layer permutes to channels first and back, BatchNorm is written out."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Conv2d(8, 8, 3, groups=8)
        self.norm, self.head = norm(8), nn.Linear(8 * 7 * 7, CLASSES)

    def normalise(self, x: torch.Tensor) -> torch.Tensor:
        """On channels-last images."""
        inverse = torch.rsqrt(self.norm.running_var + self.norm.eps) * self.norm.weight  # type: ignore[operator]
        return (x - self.norm.running_mean.view(1, 1, 1, -1)) * inverse + self.norm.bias  # type: ignore[operator,union-attr]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 2, 3, 1)
        x = self.first(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = F.relu(self.normalise(x))
        x = F.pad(x, (0, 0, 1, 1, 1, 1))
        x = F.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        x = F.hardswish(self.second(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        gate = torch.sigmoid(x.mean((1, 2), keepdim=True))
        return self.head((x * gate).flatten(1))  # type: ignore[no-any-return]


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "MobileNetV3": lambda: Classifier(Inverted(16, nn.Hardswish, nn.Hardsigmoid), channels=16),
    "EfficientNet": lambda: Classifier(Inverted(16, nn.SiLU, nn.Sigmoid), channels=16),
    "ShuffleNetV2": lambda: Classifier(ShuffleUnit(16), ShuffleUnit(16), channels=16),
    "DenseNet": lambda: Classifier(DenseLayer(16, 8), DenseLayer(24, 8), norm(32), nn.ReLU(), channels=32),
    "ResNetV2": lambda: Classifier(PreActivation(16), PreActivation(16), norm(16), nn.ReLU(), channels=16),
    "Inception": lambda: Classifier(Inception(16), channels=32),
    "Xception": lambda: Classifier(Separable(16, 24), channels=24),
    "U-Net": lambda: Classifier(UpPath(16), channels=16),
    "ConvNeXt": lambda: Classifier(ConvNeXt(16), channels=16),
    "channels last": ChannelsLast,
}


def build(name: str) -> nn.Module:
    torch.manual_seed(11)
    made = ARCHITECTURES[name]().eval()
    nn.init.normal_(made.head.weight, 0, 1)  # type: ignore[arg-type,union-attr]  # scores that differ
    return made
