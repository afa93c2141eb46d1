"""Weights that flip between two grid points, and how they are stopped (Nagel et al., 2022, arXiv:2203.11086).

With few bits a weight whose best value lies between two grid points is pulled across the threshold again and again.
Algorithm 1 counts how often each one does and freezes those that flip too often at the point where they were most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

MOMENTUM = 0.01  # of the moving averages; the paper's m
FIRST_THRESHOLD = 4.0  # times the last one: the threshold falls along a half cosine, as in the paper (0.04 to 0.01)


@dataclass(frozen=True)
class Freezing:
    """What settles towards the end. `scales_at`: the fraction of training after which no scale moves."""

    scales_at: float = 0.75
    frequency: float = 0.01  # flips a step, at the end, above which a weight is frozen; 0: none is
    damping: float = 0.0  # strength of the pull to the grid point, reached at the end; 0: none


class Oscillation(nn.Module):
    """The history of one weight's integers `(O, ...)`, saved and resumed with the network."""

    def __init__(self, q: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("last", q.to(torch.int8, copy=True))
        self.register_buffer("direction", torch.zeros_like(self.last))  # of the last change: -1, 0 or 1
        self.register_buffer("frequency", torch.zeros(q.shape))
        self.register_buffer("average", q.float())
        self.register_buffer("frozen", torch.zeros(q.shape, dtype=torch.bool))
        self.register_buffer("value", torch.zeros_like(self.last))

    last: torch.Tensor
    direction: torch.Tensor
    frequency: torch.Tensor
    average: torch.Tensor
    frozen: torch.Tensor
    value: torch.Tensor  # where `frozen`: the integer

    @torch.no_grad()
    def see(self, q: torch.Tensor, threshold: float) -> None:
        """One more step of training has made the integers `q` (float32 holding integers)."""
        change = torch.sign(q - self.last).to(torch.int8)
        # A flip is a change against the last one, however long ago that was: a weight that only drifts makes none.
        flipped = (change * self.direction < 0).float()
        self.frequency.lerp_(flipped, MOMENTUM)
        self.average.lerp_(q, MOMENTUM)
        self.direction.copy_(torch.where(change != 0, change, self.direction))
        self.last.copy_(q)
        # Not the integer of this step, but the one it was at most of the time: the average's (algorithm 1).
        new = (self.frequency > threshold) & ~self.frozen
        self.value.copy_(torch.where(new, self.average.round().to(torch.int8), self.value))
        self.frozen |= new

    def held(self, weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """`weight`, but at its grid point where it is frozen; no gradient reaches it there."""
        return torch.where(self.frozen, self.value * scale, weight)


def threshold(last: float, done: float) -> float:
    """The frequency above which a weight is frozen, when the fraction `done` of the training is over."""
    first = FIRST_THRESHOLD * last
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
