"""Whether the answers of a float network mean anything: before any of its files is compared with it."""

from __future__ import annotations

import numpy as np

from ...core.arrays import Array
from ...tasks.statistics import beats

ALPHA = 0.05  # a float network that chance alone matches this often is not told from chance


def unfit(provenance: str, scores: Array, labels: Array | None) -> str:
    """Why nothing can be recommended of a float network with these validation scores, in one line; "" where it can."""
    bad = int((~np.isfinite(scores)).any(axis=1).sum())
    if bad:
        return (
            f"float32 gives scores that are no numbers (NaN or infinite) for {bad} of {len(scores)} validation images."
        )
    if "no accuracy means anything" in provenance:
        return "The weights are random, so no accuracy and no agreement means anything. Give --weights FILE."
    answers = scores.argmax(axis=1)
    if labels is None:
        if len(np.unique(answers)) > 1:
            return ""
        return (
            f"float32 gives all {len(answers)} images the same class, {answers[0]}, so agreement with it shows nothing."
            " Check the input contract (size, mean, std, channels), or give images of several classes."
        )
    # an exact binomial test of float32's accuracy against guessing, and against the commonest label every time
    n, correct = len(labels), int((answers == labels).sum())
    guess, common = 1 / scores.shape[1], float(np.bincount(labels).max()) / n
    p = beats(correct, n, max(guess, common))
    if p <= ALPHA:
        return ""
    level = f"the commonest class every time, {common:.2%}" if common > guess else f"guessing, {guess:.2%}"
    return (
        f"float32 itself answers {correct / n:.2%} of {n:,} validation images right, which cannot be told from {level}"
        f" (binomial p = {p:.2g}). Check weights, labels and the input contract (size, mean, std, channels)."
    )
