"""A linear classifier on features that do not change: what transfer learning trains first."""

from __future__ import annotations

import math
from typing import final

import torch
import torch.nn.functional as F
from torch import nn

from ..core.arrays import Array
from ..core.errors import Diverged
from ..core.progress import Tick
from .settings import Transfer


@final
class DroppingLinear(nn.Linear):
    """A linear layer that drops some of its inputs while it is trained (Srivastava et al., 2014)."""

    def __init__(self, inputs: int, outputs: int, dropout: float) -> None:
        super().__init__(inputs, outputs)
        self.dropout = dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(F.dropout(x, self.dropout, self.training))


def fit_head(
    head: nn.Module,
    train: tuple[Array, Array],
    validation: tuple[Array, Array],
    settings: Transfer,
    tick: Tick = lambda _done, _total: None,
) -> list[dict[str, float]]:
    """Train `head` in place on (features (N, D) float32, labels (N,)); the figures of each epoch.

    All randomness comes from the settings' seed. Raises Diverged where the loss stops being a number.
    """
    torch.manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(head.parameters(), settings.lr, weight_decay=settings.weight_decay)
    features, labels = (torch.from_numpy(part) for part in train)
    figures = []
    for epoch in range(settings.epochs):
        head.train()
        total, order = 0.0, torch.randperm(len(labels))
        for start in range(0, len(labels), settings.batch):
            rows = order[start : start + settings.batch]
            value = F.cross_entropy(head(features[rows]), labels[rows])
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += float(value.detach()) * len(rows)
        loss = total / len(labels)
        if not math.isfinite(loss):
            raise Diverged(f"The loss of the new head became {loss}. Lower transfer.lr (now {settings.lr}).")
        figures.append({"epoch": epoch + 1, "loss": loss, "validation_accuracy": _accuracy(head.eval(), *validation)})
        tick(epoch + 1, settings.epochs)
    return figures


@torch.no_grad()
def _accuracy(head: nn.Module, features: Array, labels: Array) -> float:
    found = head(torch.from_numpy(features)).argmax(1).numpy()
    return float((found == labels).mean())
