"""What a family of kernels has to say about each operation, so that the executor can compute it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from ...core.grid import QParams
from ...graph.program import TOPS, Step
from .on_the_fly import OnTheFly


@dataclass(frozen=True)
class Pieces:
    """How a layer is summed: in `kind`, some input channels at a time, a byte at a time where `by_bytes`."""

    kind: torch.dtype
    channels: tuple[slice, ...] = (slice(None),)
    by_bytes: bool = False

    @property
    def whole(self) -> bool:
        return len(self.channels) == 1 and not self.by_bytes


@dataclass(frozen=True)
class Product:
    """A convolution or linear layer in integers."""

    step: Step
    layer: nn.Conv2d | nn.Linear
    weight: torch.Tensor  # integers, as float32 or float64: whichever sums them exactly
    bias: torch.Tensor  # (O,) integers of the same type
    source: QParams
    scale: torch.Tensor  # (O,) float32, of the weights
    per_channel: bool = True  # whether the file holds a scale per channel
    pieces: Pieces = field(default_factory=lambda: Pieces(torch.float32))
    largest: float = math.inf  # the bound of an accumulator's magnitude


@dataclass(frozen=True)
class Operands:
    """The centred inputs of an operation without weights, with their parameters and those of its output."""

    step: Step
    values: list[torch.Tensor]
    params: list[QParams]
    out: QParams


@dataclass(frozen=True)
class Arithmetic:
    """One family of kernels. Everything returns centred integers, clamped to the output's grid."""

    name: str
    requantize: Callable[[torch.Tensor, Product, QParams], torch.Tensor]
    to_grid: Callable[
        [torch.Tensor, QParams], torch.Tensor
    ]  # real / scale, as its quantize operator divides and rounds
    ops: Mapping[str, Callable[[Operands], torch.Tensor]]
    on_the_fly: OnTheFly | None = None  # how it quantizes float tensors while a network runs, if it does


Pick = Callable[[Step], Arithmetic]


def limits(step: Step, out: QParams) -> tuple[float, float]:
    """The centred output's bounds: the grid's, narrowed by a fused activation."""
    low, high = out.low - out.zero_point, out.high - out.zero_point
    if step.activation:
        low = max(low, 0)
    if step.activation in TOPS:
        high = min(high, round_half_even(TOPS[step.activation], out.scale))
    if step.kind == "clamp":
        low = max(low, round_half_even(step.attrs["low"], out.scale))
        high = min(high, round_half_even(step.attrs["high"], out.scale))
    return float(low), float(high)


def round_half_even(real: float, scale: float) -> int:
    """`rint(real / scale)` in float32, as the delegates compute the bounds of an activation."""
    return int(torch.round(torch.tensor(real, dtype=torch.float32) / torch.tensor(scale, dtype=torch.float32)))
