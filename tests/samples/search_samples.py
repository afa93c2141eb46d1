"""A small network with a shortcut and a grouped convolution, its ranges, and images for it."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from edgequant.calibrate.calibrator import AbstractObserver
from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured

SPEC = InputSpec(3, 8, 8)


class Residual(nn.Module):
    """A stem, a depthwise block with a shortcut, a strided convolution, and a classifier."""

    def __init__(self, softmax: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU6())
        self.wide = nn.Sequential(nn.Conv2d(8, 16, 1), nn.ReLU6())
        self.depthwise = nn.Sequential(nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.ReLU6())
        self.narrow = nn.Conv2d(16, 8, 1)
        self.down = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
        self.head = nn.Linear(16, 4)
        self.softmax = softmax

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.narrow(self.depthwise(self.wide(x)))
        x = self.head(self.down(x).mean((2, 3)))
        return torch.softmax(x, 1) if self.softmax else x


@cache
def network(seed: int = 0, softmax: bool = False) -> Captured:
    """Fresh weights, captured."""
    torch.manual_seed(seed)
    return capture(Residual(softmax).eval(), SPEC, ("a", "b", "c", "d"))


@cache
def images(count: int = 40, seed: int = 1) -> torch.Tensor:
    """(count, 3, 8, 8) normalised."""
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def batches(count: int = 40, size: int = 16) -> list[torch.Tensor]:
    """The same in batches; the last is smaller."""
    return list(images(count).split(size))


@cache
def observers(seed: int = 0, softmax: bool = False) -> dict[str, AbstractObserver]:
    """What every tensor was, on the images."""
    return ranges(network(seed, softmax))


def ranges(made: Captured) -> dict[str, AbstractObserver]:
    """What every tensor of a network of these inputs was, on the images."""
    pixels = ((images() * 128) + 128).clamp(0, 255).permute(0, 2, 3, 1).numpy()
    return collect(made, [pixels], MinMax(), tuple(s.name for s in made.program.steps), lambda n: None)
