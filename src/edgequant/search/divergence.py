"""How far the scores of a changed network are from those of the network it was changed from."""

from __future__ import annotations

import numpy as np
import torch

from ..core.arrays import Array
from ..graph.program import Program

TINY = 1e-12  # below the smallest probability that float32 softmax tells from 0 in practice


def log_probabilities(scores: torch.Tensor, program: Program) -> torch.Tensor:
    """(N, classes) float64, whether the network ends in a softmax or in the scores before it."""
    value = scores.double()
    if program.ends_in_softmax:
        value = value.clamp_min(TINY).log()
    return torch.log_softmax(value, 1)


def kl(base: torch.Tensor, changed: torch.Tensor) -> Array:
    """(N,) nats, `sum p (log p - log q)`: of log probabilities, base first (Kullback and Leibler, 1951)."""
    found: Array = (base.exp() * (base - changed)).sum(1).clamp_min(0.0).numpy()
    return found


def hits(scores: torch.Tensor, labels: Array) -> Array:
    """(N,) bool: the first of the largest scores is the label's."""
    right: Array = np.argmax(scores.numpy(), 1) == labels
    return right
