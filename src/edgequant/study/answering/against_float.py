"""A variant beside its float32: what the recommendation rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.arrays import Array
from ...measure.agreement import agreement, fidelity
from ...measure.statistics import mcnemar, paired_limits
from ..bench import Bench
from ..networks.float_first import unfit
from ..prepared import Prepared
from .runtime import Answered

OUTPUT = "output0"


def against_float(bench: Bench, done: Answered, base: Answered) -> dict[str, Any]:
    """The keys "validation", "agreement", "fidelity", "caution" and, of float32 itself, "unfit".

    "validation": {"n", "top1", "drop", "drop_ci95", "p_value"}, paired on the images that choices are made by; None
    without labels. "agreement": of top-1 answers with float32's on the same images. "fidelity": of the scores that
    were evaluated. "caution": what makes these images flatter a file, or "". "unfit": why no file of this network can
    be recommended, or "".
    """
    network = done.made.variant.network
    ours, theirs = _validation(done), _validation(base)
    found: dict[str, Any] = {"validation": None, "agreement": None, "unfit": None, "caution": caution(network)}
    found["fidelity"] = {OUTPUT: fidelity(base.outputs, done.outputs)}
    if ours is None or theirs is None:
        return found
    labels = bench.choosing(network).labels
    found["agreement"] = agreement(theirs, ours)
    if labels is not None:
        found["validation"] = paired(theirs, ours, labels)
    if done is base:
        found["unfit"] = unfit(network.provenance, ours, labels)
    return found


def _validation(done: Answered) -> Array | None:
    """(N, classes) scores on validation: the file's own where that is what was evaluated, else the simulated ones."""
    judged_on = done.made.variant.network.judged_on
    return done.outputs if judged_on == "validation" else done.made.promised("validation")


def paired(base: Array, ours: Array, labels: Array) -> dict[str, Any]:
    """{"n", "top1", "drop", "drop_ci95", "p_value"} of two sets of scores on the same labelled images."""
    before, now = (base.argmax(1) == labels, ours.argmax(1) == labels)
    return {
        "n": len(labels),
        "top1": float(now.mean()),
        "drop": 100.0 * (int(before.sum()) - int(now.sum())) / len(labels),
        "drop_ci95": list(paired_limits(before, now)),
        "p_value": mcnemar(before, now),
    }


def caution(network: Prepared) -> str:
    """What makes the validation images flatter a file: they calibrated it, or may have trained it. In words, or ""."""
    splits = network.splits
    if _same(splits.train, splits.validation):
        return "The same images serve calibration and validation, so the loss on new images may be larger."
    trained_here = any(word in network.provenance for word in ("trained here", "kept by the project"))
    if splits.held_out and not trained_here:
        return (
            f"The validation images were cut from the training images of {network.data}, and the weights were given:"
            " if these images trained the network, the loss on new images may be larger."
        )
    return ""


def _same(one: Any, other: Any) -> bool:
    """Whether two splits hold the same images: the same numbers in the source, and the same first pixels."""
    if one is other:
        return True
    if len(one) != len(other) or not np.array_equal(one.indices, other.indices):
        return False
    few = np.arange(min(4, len(one)))
    return np.array_equal(one.take(few), other.take(few))
