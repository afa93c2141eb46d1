"""A layer's work, as rows: what it reads and what it should give at some output positions, drawn at random.

A convolution is the same product at every position. Gradients of a mini-batch of positions are therefore
unbiased for those of whole images, at a small part of the cost: with 16 positions an image, a 32x32 layer
costs a 64th.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..graph.program import Step
from .walk import Walk

Layer = nn.Conv2d | nn.Linear


@dataclass(frozen=True)
class Samples:
    """`inputs` float32 (groups, S, I), I the products of one output; `targets` (S, O), fused activation included.

    A depthwise layer's inputs are (I, S, groups) instead: its few products a channel are then added over whole
    rows of channels, ten times as fast as sums of nine.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    depthwise: bool = False

    def __len__(self) -> int:
        return len(self.targets)

    def rows(self, where: torch.Tensor | slice) -> Samples:
        return Samples(self.inputs[:, where], self.targets[where], self.depthwise)

    def times(self, weight: torch.Tensor) -> torch.Tensor:
        """The layer's outputs (S, O) with an (O, ...) weight, without bias."""
        if self.depthwise:
            taps = (x * w for x, w in zip(self.inputs, weight.flatten(1).T))  # one at a time: each stays in the cache
            outputs: torch.Tensor = functools.reduce(torch.add, taps)
            return outputs
        groups, rows, width = self.inputs.shape
        split = weight.reshape(groups, -1, width)
        return torch.bmm(self.inputs, split.transpose(1, 2)).transpose(0, 1).reshape(rows, -1)


@torch.no_grad()
def draw(walk: Walk, step: Step, positions: int, generator: torch.Generator) -> Samples:
    """About `positions` rows, as many of each image, image after image.

    The inputs are the quantized network's, the targets the float network's (asymmetric reconstruction, Nagel et
    al., 2020, arXiv:2004.10568, equation 25). `step` must have run in float and not yet in integers.
    """
    layer = walk.truth.layer(step.layer)
    images = sum(len(lane.real[step.name]) for lane in walk.lanes)
    each = -(-positions // images)
    parts = []
    for lane in walk.lanes:
        x, y = walk.read(step, lane), lane.real[step.name]
        if isinstance(layer, nn.Linear):
            parts.append(Samples(x.unsqueeze(0), y))
        else:
            parts.append(_conv2d(layer, x, y, each, generator))
    inputs, targets = torch.cat([p.inputs for p in parts], 1), torch.cat([p.targets for p in parts])
    return Samples(inputs, targets, parts[0].depthwise)


def _conv2d(layer: nn.Conv2d, x: torch.Tensor, y: torch.Tensor, each: int, generator: torch.Generator) -> Samples:
    """The windows of `each` positions of every image, without repetition; all of them where there are fewer."""
    padded = F.pad(x, layer._reversed_padding_repeated_twice)
    area, width = y.shape[2] * y.shape[3], y.shape[3]
    where = torch.stack([torch.randperm(area, generator=generator)[:each] for _ in range(len(x))])
    down, right = where // width, where % width
    rows, columns = _window(layer, 0, down), _window(layer, 1, right)
    image = torch.arange(len(x)).view(-1, 1)
    windows = padded[image[..., None, None], :, rows[..., :, None], columns[..., None, :]]  # (N, each, kh, kw, C)
    targets = y[image, :, down, right].flatten(0, 1)
    if layer.groups == x.shape[1] == y.shape[1] > 1:
        return Samples(windows.flatten(2, 3).permute(2, 0, 1, 3).flatten(1, 2).contiguous(), targets, depthwise=True)
    shaped = windows.permute(4, 0, 1, 2, 3).reshape(layer.groups, x.shape[1] // layer.groups, where.numel(), -1)
    return Samples(shaped.transpose(1, 2).flatten(2).contiguous(), targets)


def _window(layer: nn.Conv2d, axis: int, position: torch.Tensor) -> torch.Tensor:
    """(..., k) coordinates in the padded image that an output position reads along one axis."""
    taps = torch.arange(layer.kernel_size[axis]) * layer.dilation[axis]
    return position.unsqueeze(-1) * layer.stride[axis] + taps
