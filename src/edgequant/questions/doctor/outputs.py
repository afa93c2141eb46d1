"""The raw output tensors of both networks on the same images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import BadData
from ...graph.program import SCORES
from ...measure.accuracy import judge, summary
from ...tasks.fidelity import sqnr_db
from ...tasks.statistics import wilson
from .evidence import OutputFacts, Scores


def compare_outputs(scores: Scores, output: OutputFacts) -> dict[str, Any]:
    """{"images", "agreement", "agreement_ci95", "mean_abs", "max_abs", "max_steps", "sqnr_db", "float_range",
    "file_range", "distinct", "float_top1", "file_top1", "drop", "drop_ci95", "p_value"}. Raises BadData."""
    if scores.floats.shape != scores.file.shape:
        raise BadData(
            f"The float network scores {scores.floats.shape[1]} classes and the file {scores.file.shape[1]}."
            " Expected the same network. Name the one that the file was made from."
        )
    error = scores.file.astype(np.float64) - scores.floats
    same = int(scores.agree.sum())
    return {
        "images": len(error),
        "agreement": same / len(error),
        "agreement_ci95": list(wilson(same, len(error))),
        "mean_abs": float(np.abs(error).mean()),
        "max_abs": float(np.abs(error).max()),
        "max_steps": float(np.abs(error).max() / output.scale) if output.scale else None,
        "sqnr_db": sqnr_db(float((scores.floats.astype(np.float64) ** 2).sum()), float((error**2).sum())),
        "float_range": [float(scores.floats.min()), float(scores.floats.max())],
        "file_range": [float(scores.file.min()), float(scores.file.max())],
        "distinct": len(np.unique(scores.file)),
        **_accuracy(scores),
    }


def _accuracy(scores: Scores) -> dict[str, Any]:
    if scores.labels is None:
        return dict.fromkeys(("float_top1", "file_top1", "drop", "drop_ci95", "p_value"))
    before, after = (judge({SCORES: one}, scores.labels) for one in (scores.floats, scores.file))
    found = summary(after, before, 0)
    return {
        "float_top1": summary(before, None, 0)["top1"],
        "file_top1": found["top1"],
        **{key: found[key] for key in ("drop", "drop_ci95", "p_value")},
    }
