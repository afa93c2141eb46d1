"""What the file's scores mean where an app compares a probability with a threshold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...files.predict import softmax
from .evidence import OutputFacts, Scores

THRESHOLDS = (0.5, 0.8, 0.9, 0.95)


def confidence(scores: Scores, output: OutputFacts) -> dict[str, Any]:
    """{"step", "rows", "words"}: a row for each threshold, with one output step there in probability, the images
    above it in float and in the file, and those that change sides. `step` is 0 for a float output."""
    before, after = (probabilities(s, output.softmax).max(1) for s in (scores.floats, scores.file))
    rows = [
        {
            "threshold": t,
            "one_step": step_at(t, output),
            "above_float": int((before >= t).sum()),
            "above_file": int((after >= t).sum()),
            "changed": int(((before >= t) != (after >= t)).sum()),
        }
        for t in THRESHOLDS
    ]
    return {"step": output.scale, "images": len(before), "rows": rows, "words": _words(output)}


def step_at(probability: float, output: OutputFacts) -> float:
    """One step of the output, in probability, for a class that has `probability`.

    A step s of a score adds s to the class's log odds, whatever the other classes' scores are.
    """
    if output.softmax:
        return output.scale
    odds = probability / (1 - probability) * math.exp(output.scale)
    return odds / (1 + odds) - probability


def probabilities(scores: Array, already: bool) -> Array:
    """(N, K) float64: softmax, unless the scores are probabilities already."""
    return scores.astype(np.float64) if already else softmax(scores)


def _words(output: OutputFacts) -> str:
    if not output.scale:
        return "The file's scores are floats: a threshold means what it means in the float network."
    half, high = step_at(0.5, output), step_at(0.9, output)
    return (
        f"One output step is {output.scale:.3g}: {half:.4f} in probability at 0.5, {high:.4f} at 0.9."
        " A threshold is not known more finely than that, and scores closer than a step are equal."
    )
