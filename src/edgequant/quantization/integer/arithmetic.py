"""What a family of kernels has to say about each operation, so that the executor can compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from ...core.records import QParams
from ...graph.program import Step


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


Pick = Callable[[Step], Arithmetic]


def limits(step: Step, out: QParams) -> tuple[float, float]:
    """The centred output's bounds: the grid's, narrowed by a fused activation."""
    low, high = out.low - out.zero_point, out.high - out.zero_point
    if step.activation:
        low = max(low, 0)
    if step.activation == "relu6":
        high = min(high, round_half_even(6.0, out.scale))
    return float(low), float(high)


def round_half_even(real: float, scale: float) -> int:
    """`rint(real / scale)` in float32, as the delegates compute the bounds of an activation."""
    return int(torch.round(torch.tensor(real, dtype=torch.float32) / torch.tensor(scale, dtype=torch.float32)))
