"""The rounding of one layer's weights, learned (Nagel et al., 2020, arXiv:2004.10568, equations 21 to 25)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ..graph.program import Activation, activate
from .samples import Samples

ZETA, GAMMA = 1.1, -0.1  # the rectified sigmoid's stretch (equation 23): it reaches 0 and 1 at finite V
WARMUP = 0.2  # of the iterations without regularizer, so that V may first find where the error is least


@dataclass(frozen=True)
class Schedule:
    """How long and how hard; see AdaRound for what each means."""

    iterations: int
    batch: int
    lr: float
    beta_start: float
    beta_end: float
    regularization: float

    def beta(self, iteration: int) -> float:
        """Annealed along a half cosine after the warm-up."""
        start = WARMUP * self.iterations
        done = min(1.0, max(0.0, (iteration - start) / max(1.0, self.iterations - start)))
        return self.beta_end + 0.5 * (self.beta_start - self.beta_end) * (1 + math.cos(math.pi * done))

    def strength(self, iteration: int) -> float:
        return 0.0 if iteration < WARMUP * self.iterations else self.regularization


@dataclass(frozen=True)
class Problem:
    """One layer: its float weight (O, ...) and bias (O,), the grid of its weight, and its activation."""

    weight: torch.Tensor
    bias: torch.Tensor
    scale: torch.Tensor  # (O,) or (1,)
    bits: int
    activation: Activation

    @property
    def steps(self) -> torch.Tensor:
        """The weight in units of its scale."""
        return self.weight / self.scale.view(-1, *[1] * (self.weight.dim() - 1))

    def output(self, samples: Samples, weight: torch.Tensor) -> torch.Tensor:
        return activate(samples.times(weight) + self.bias, self.activation)


@torch.no_grad()
def output_error(problem: Problem, samples: Samples, weight: torch.Tensor) -> float:
    """Mean squared error of the layer's outputs with `weight` (O, ...) in place of its own."""
    difference = problem.output(samples, weight) - samples.targets
    return float(difference.square().mean(dtype=torch.float64))


def learn_rounding(problem: Problem, samples: Samples, schedule: Schedule, generator: torch.Generator) -> torch.Tensor:
    """Integers (O, ...) int8, each the float weight rounded down or up, within [-(2^(b-1)-1), 2^(b-1)-1]."""
    floor, top = torch.floor(problem.steps), 2 ** (problem.bits - 1) - 1
    v = _initial(problem.steps - floor).requires_grad_()
    optimizer = torch.optim.Adam([v], lr=schedule.lr, fused=True)
    scale = problem.scale.view(-1, *[1] * (floor.dim() - 1))
    batches = torch.randint(len(samples), (schedule.iterations, schedule.batch), generator=generator)
    for i in range(schedule.iterations):
        batch = samples.rows(batches[i])
        h = rectified_sigmoid(v)
        weight = torch.clamp(floor + h, -top, top) * scale
        loss = (problem.output(batch, weight) - batch.targets).square().sum(1).mean()
        if schedule.strength(i):
            loss = loss + schedule.strength(i) * regularizer(h, schedule.beta(i))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    up = (rectified_sigmoid(v.detach()) >= 0.5).float()
    return torch.clamp(floor + up, -top, top).to(torch.int8)


def rectified_sigmoid(v: torch.Tensor) -> torch.Tensor:
    """h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1) (equation 23)."""
    return torch.clamp(torch.sigmoid(v) * (ZETA - GAMMA) + GAMMA, 0, 1)


def regularizer(h: torch.Tensor, beta: float) -> torch.Tensor:
    """sum(1 - |2 h - 1|^beta) (equation 24): zero where every h is 0 or 1."""
    return (1 - (2 * h - 1).abs().pow(beta)).sum()


def _initial(fraction: torch.Tensor) -> torch.Tensor:
    """V such that h(V) is the fraction: the search starts at the float weights."""
    return -torch.log((ZETA - GAMMA) / (fraction - GAMMA) - 1)
