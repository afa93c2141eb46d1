"""What every range must satisfy, and the one pass over a batch that all observers share."""

from __future__ import annotations

import math

import torch

from ..core.errors import BadData, BadOption

BITS = (2, 16)

# A range below this is taken for zero. Its step, times that of a weight, is the scale of a bias, and
# that product must stay a normal float32 (above 1.2e-38) with room for 16 bits.
NEGLIGIBLE = 2.0**-94


def check_bits(bits: int) -> int:
    """`bits` as it is. Raises BadOption where no grid of that width is known."""
    if not BITS[0] <= bits <= BITS[1]:
        raise BadOption(f"A range is chosen for {BITS[0]} to {BITS[1]} bits. Got {bits}.")
    return bits


def in_memory_order(values: torch.Tensor) -> torch.Tensor:
    """(N,) float32: the values as they lie in memory, so that a channels-last tensor is not copied."""
    values = values.detach().float()
    if values.ndim == 4 and values.is_contiguous(memory_format=torch.channels_last):
        values = values.permute(0, 2, 3, 1)
    return values.reshape(-1)


def extremes(values: torch.Tensor) -> tuple[float, float]:
    """(minimum, maximum) of a tensor that is not empty. Raises BadData where a value is not finite."""
    low, high = (float(v) for v in torch.aminmax(values))  # NaN wins both, so the rare path alone looks at each value
    if not (math.isfinite(low) and math.isfinite(high)):
        nan, infinite = int(values.isnan().sum()), int(values.isinf().sum())
        raise BadData(
            f"Calibration saw {nan} NaN and {infinite} infinite values among {values.numel()} in one tensor;"
            " a range needs finite ones. Check the model's weights and the preprocessing of the images."
        )
    return low, high


def negligible(low: float, high: float) -> bool:
    """Whether a tensor with these extremes never moved away from zero."""
    return max(abs(low), abs(high)) < NEGLIGIBLE


def span(low: float, high: float, symmetric: bool) -> tuple[float, float]:
    """(low, high) widened to include zero, and to low == -high where the grid is symmetric.

    A tensor that is always zero gets (0, 1) or (-1, 1): every scale represents zero exactly, and this one
    neither divides by zero nor makes a bias overflow. Whoever asked finds `observer.dead` set, and records it.
    """
    if negligible(low, high):
        low, high = 0.0, 1.0
    if symmetric:
        high = max(abs(low), abs(high))
        return -high, high
    return min(low, 0.0), max(high, 0.0)


def require_seen(count: int) -> None:
    """Raises BadData where an observer was asked for a range and never saw a value."""
    if count == 0:
        raise BadData(
            "A range was asked of an observer that saw no value; at least one batch was expected."
            " Run the calibration images through the network first, and check that the split is not empty."
        )
