"""How near a file's outputs are to float32's, whatever they mean."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array


def fidelity(base: Array, scores: Array) -> dict[str, float | None]:
    """{"sqnr_db", "cosine", "max_abs"} of (N, ...) dequantized scores against float32's, over all images.

    `cosine` is None where a side is 0. All are None where a score is no number.
    """
    truth, other = base.astype(np.float64).ravel(), scores.astype(np.float64).ravel()
    if not (np.isfinite(truth).all() and np.isfinite(other).all()):
        return {"sqnr_db": None, "cosine": None, "max_abs": None}
    noise, signal, power = (float(v @ v) for v in (truth - other, truth, other))
    return {
        "sqnr_db": sqnr_db(signal, noise),
        "cosine": float(truth @ other / np.sqrt(signal) / np.sqrt(power)) if signal > 0 and power > 0 else None,
        "max_abs": float(np.abs(truth - other).max(initial=0.0)),
    }


def sqnr_db(signal: float, noise: float) -> float | None:
    """Signal to quantization noise in decibels, 10 log10(signal / noise): of the sum of the true scores' squares, and
    that of their differences from the other ones; None where nothing differs, or where all true scores are 0.

    The signal is an energy, not a variance, as in PyTorch's `torch.ao.ns.fx.utils.compute_sqnr`.
    """
    return float(10 * np.log10(signal / noise)) if signal > 0 and noise > 0 else None
