"""A small network of every operator that a .tflite of ours may hold, and references for it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.catalog import BACKENDS
from edgequant.core.arrays import Array
from edgequant.core.image import InputSpec
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.recipe.recipe import Recipe, parse_recipe
from edgequant.recipe.resolve import resolve

SPEC = InputSpec(3, 12, 12)
CLASSES = tuple("abcde")


class EveryOp(nn.Module):
    """The plain rows of the op table, with paddings SAME, VALID and neither, activations fused and alone."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)  # on an even side: not SAME, so a PAD operator
        self.depthwise = nn.Conv2d(8, 16, 3, padding=1, groups=8)
        self.tail = nn.Conv2d(16, 8, 3, 2)  # behind an explicit padding after: SAME
        self.grouped = nn.Conv2d(8, 8, 1, groups=2, bias=False)
        self.gate = nn.Conv2d(8, 8, 1)
        self.fc1 = nn.Linear(16 * 5, 12)
        self.fc2 = nn.Linear(12, 5, bias=False)
        for layer in (self.stem, self.depthwise, self.tail, self.fc1, self.fc2):
            nn.init.normal_(layer.weight, 0, 2.5 / layer.weight[0].numel() ** 0.5)  # scores that differ

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self.stem(x))  # 8, 6, 6
        y = self.tail(F.pad(F.relu(self.depthwise(x)), (0, 1, 0, 1)))  # 8, 3, 3
        x = F.relu(F.relu6(F.max_pool2d(x, 2)) + y)  # an activation that stands alone, and a fused one
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        y = F.pad(F.relu(self.grouped(x)), (1, 1, 0, 0))  # 8, 3, 5
        x = torch.cat([F.pad(x, (0, 2, 0, 0)), y], 1)  # 16, 3, 5
        x = torch.flatten(F.avg_pool2d(x, (3, 1), 1), 1)  # 80, of an image 16, 1, 5
        return torch.softmax(self.fc2(F.relu(self.fc1(x))), 1)


class Plain(nn.Module):
    """A convolution and a classifier behind a global mean; its scores are plain."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(F.relu(self.conv(x)).mean((2, 3)))


@cache
def captured(module: type[nn.Module] = EveryOp) -> Captured:
    torch.manual_seed(4)
    return capture(module(), SPEC, CLASSES)


def pixels(count: int = 16) -> Array:
    return np.random.default_rng(3).integers(0, 256, (count, 12, 12, 3), np.uint8)


def reference(network: Captured, recipe: str | Recipe) -> Reference:
    """Resolved against LiteRT, ranges by min and max."""
    parsed = parse_recipe(recipe) if isinstance(recipe, str) else recipe
    plan = resolve(network.program, parsed, "litert", BACKENDS.get("litert").capability)
    found = collect(network, [pixels()], MinMax(), observed_tensors(network, plan)) if parsed.kind == "static" else {}
    return build(network, plan, found)
