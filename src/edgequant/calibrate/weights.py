"""The scales of a weight: the one thing about it that calibration decides."""

from __future__ import annotations

from typing import Literal

import torch

from ..core.errors import BadModel, BadOption
from .bounds import NEGLIGIBLE, check_bits

# The scale of a channel whose weights are all zero. Every scale represents it exactly; this one is as large as a
# usual weight's, so that its bias, in steps of input scale / 128, is neither rounded coarsely nor near int32's end.
ZERO_SCALE = 2.0**-7
CANDIDATES = 100
NARROWEST = 0.3  # of the largest magnitude; below it the clipped weights always cost more than rounding gains


def weight_scales(
    weight: torch.Tensor, bits: int, per_channel: bool = True, method: Literal["minmax", "mse"] = "minmax"
) -> torch.Tensor:
    """(O,) float32 scales of a weight `(O, ...)`, or (1,) per tensor, for `[-(2^(bits-1)-1), 2^(bits-1)-1]`.

    `minmax` represents the largest magnitude; `mse` tries 100 clipping ratios from 0.3 to 1 and takes, for each
    channel, the one of least squared error (Nagel et al., 2021, arXiv:2106.08295, equation 9), the widest of
    equals. It does not look at the bias: a channel of tiny but nonzero weights gets a tiny scale, and whoever
    quantizes the bias checks that it fits. Raises BadModel where a weight is not finite, BadOption for unknown options.
    """
    largest = 2 ** (check_bits(bits) - 1) - 1
    rows = _rows(weight, per_channel)
    peaks = rows.abs().amax(1)
    if method == "mse":
        peaks = peaks * _best_ratios(rows, peaks, largest)
    elif method != "minmax":
        raise BadOption(f"The scales of weights are chosen by minmax or mse. Got {method!r}.")
    return torch.where(peaks < NEGLIGIBLE, ZERO_SCALE, peaks / largest)


def _rows(weight: torch.Tensor, per_channel: bool) -> torch.Tensor:
    """(O, n) or (1, n) float32. Raises BadModel."""
    bad = int((~weight.isfinite()).sum())
    if bad:
        raise BadModel(
            f"{bad} of {weight.numel()} values of a weight of shape {tuple(weight.shape)} are NaN or infinite;"
            " quantization needs finite ones. Check the weights file, or the BatchNorm that was folded into it."
        )
    return weight.detach().float().reshape(len(weight) if per_channel else 1, -1)


def _best_ratios(rows: torch.Tensor, peaks: torch.Tensor, largest: int) -> torch.Tensor:
    """(O,) the clipping ratio of least squared error of each row."""
    best = torch.ones_like(peaks)
    least = torch.full_like(peaks, torch.inf, dtype=torch.float64)
    for ratio in torch.linspace(1.0, NARROWEST, CANDIDATES).tolist():
        scale = (peaks * ratio / largest).clamp(min=NEGLIGIBLE**1.25).unsqueeze(1)
        rounded = (rows / scale).round_().clamp_(-largest, largest).mul_(scale)
        error = rounded.sub_(rows).square_().sum(1, dtype=torch.float64)
        better = error < least
        least, best = torch.where(better, error, least), torch.where(better, ratio, best)
    return best
