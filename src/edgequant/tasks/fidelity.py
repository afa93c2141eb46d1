"""How near a file's outputs are to float32's, whatever they mean."""

from __future__ import annotations

import numpy as np

from ..core.arrays import Array


def fidelity(base: Array, scores: Array) -> dict[str, float | None]:
    """{"sqnr_db", "cosine", "max_abs"} of (N, ...) dequantized scores against float32's, over all images.

    `sqnr_db` is 10 log10(sum of squares / sum of squared differences); None where nothing differs (no noise) or where
    all of float32's scores are 0 (no signal). `cosine` is None where a side is 0. All are None where a score is no
    number.
    """
    truth, other = base.astype(np.float64).ravel(), scores.astype(np.float64).ravel()
    if not (np.isfinite(truth).all() and np.isfinite(other).all()):
        return {"sqnr_db": None, "cosine": None, "max_abs": None}
    noise, signal, power = (float(v @ v) for v in (truth - other, truth, other))
    return {
        "sqnr_db": float(10 * np.log10(signal / noise)) if signal > 0 and noise > 0 else None,
        "cosine": float(truth @ other / np.sqrt(signal) / np.sqrt(power)) if signal > 0 and power > 0 else None,
        "max_abs": float(np.abs(truth - other).max(initial=0.0)),
    }
