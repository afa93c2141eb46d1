"""How the channels of a moved result lie to those of the layer that made the values."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..ops.op import named
from ..ops.table import OPS
from ..program import Step

Order = Callable[[torch.Tensor], torch.Tensor]  # one number a channel of a moved result -> one a channel of its layer


def unchanged(numbers: torch.Tensor) -> torch.Tensor:
    return numbers


def blocks(step: Step, later: Order) -> Order:
    return lambda numbers: later(numbers).repeat(step.attrs["block"] ** 2)


def unshuffled(step: Step, later: Order) -> Order:
    def order(numbers: torch.Tensor) -> torch.Tensor:
        made = later(numbers)
        source = torch.arange(len(made), device="cpu").view(step.attrs["groups"], -1).t().flatten()
        return torch.empty_like(made).index_copy_(0, source, made)

    return order


def kept(_: Step, later: Order) -> Order:
    return later


ORDERS: dict[str, Callable[[Step, Order], Order]] = {
    kind: named("aten", row.channels, kind) for kind, row in OPS.items() if row.channels
}
