"""Which consecutive layers may exchange a factor per channel, and how a factor enters their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from ..graph.program import TOPS, Program, Step

# op(s * x) = s * op(x) for s > 0 and one s a channel. All but `relu` and `relu6` hold for any channelwise x.
HOMOGENEOUS = frozenset({"avg_pool2d", "max_pool2d", "mean", "pad", "relu", "reshape"})

Layer = nn.Conv2d | nn.Linear


@dataclass(frozen=True)
class Pair:
    """Two layers with weights, and what lies between; nobody else reads any tensor between them."""

    producer: Step
    consumer: Step
    between: tuple[Step, ...]

    @property
    def layers(self) -> frozenset[str]:
        return frozenset((self.producer.layer, self.consumer.layer))

    @property
    def saturates(self) -> tuple[str, ...]:
        """The steps at which a ReLU6 (ReLU1) cuts at 6 (1), whatever the scale: there, no factor can pass."""
        return tuple(s.name for s in (self.producer, *self.between) if TOPS.keys() & {s.activation, s.kind})


def consecutive(program: Program) -> Iterator[Pair]:
    """Every producer whose result reaches exactly one layer, through channelwise homogeneous steps or ReLU6 only."""
    for producer in program.layers:
        between: list[Step] = []
        last = producer
        while last.name not in program.returned and len(users := program.users(last.name)) == 1:
            last = users[0]
            if last.weighted:
                yield Pair(producer, last, tuple(between))
                break
            if last.kind not in HOMOGENEOUS | {"relu6"} or last.attrs.get("value"):
                break
            between.append(last)


def output_ranges(layer: Layer) -> torch.Tensor:
    """(O,) float64: the largest magnitude of each output channel's weights."""
    return layer.weight.detach().double().flatten(1).abs().amax(1)


def input_ranges(layer: Layer, channels: int) -> torch.Tensor:
    """(C,) float64: the largest magnitude of the weights that read each of `channels` input channels."""
    return by_input(layer, channels).double().abs().amax((1, 3)).flatten()


def scale_outputs(layer: Layer, factors: torch.Tensor) -> None:
    """Divide each output channel, bias included, by its factor, in place."""
    layer.weight.data = (layer.weight.detach() / factors.view(-1, *[1] * (layer.weight.dim() - 1))).float()
    if layer.bias is not None:
        layer.bias.data = (layer.bias.detach() / factors).float()


def scale_inputs(layer: Layer, factors: torch.Tensor) -> None:
    """Multiply the weights that read each input channel by its factor, in place."""
    grouped = by_input(layer, len(factors))
    scaled = grouped * factors.view(grouped.shape[0], 1, grouped.shape[2], 1)
    layer.weight.data = scaled.reshape(layer.weight.shape).float()


def by_input(layer: Layer, channels: int) -> torch.Tensor:
    """The weight as (groups, outputs a group, input channels a group, the rest).

    A linear layer behind a flattened image has `in_features / channels` columns a channel: NCHW order.
    """
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    outputs = layer.weight.shape[0]
    return layer.weight.detach().reshape(groups, outputs // groups, channels // groups, -1)
