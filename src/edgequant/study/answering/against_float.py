"""A variant beside its float32: what the recommendation rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.arrays import only
from ...measure.accuracy import CLASSIFY, Answers
from ...tasks.fidelity import fidelity
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
    ours, theirs = done.chosen_by(bench), base.chosen_by(bench)
    found: dict[str, Any] = {"validation": None, "agreement": None, "unfit": None, "caution": caution(network)}
    found["fidelity"] = {OUTPUT: fidelity(only(base.outputs), only(done.outputs))}
    if ours is None or theirs is None:
        return found
    found["agreement"] = CLASSIFY.agreement(theirs.predictions, ours.predictions)
    found["validation"] = paired(theirs, ours)
    if done is base:
        found["unfit"] = unfit(network.provenance, only(ours.outputs), bench.choosing(network).labels)
    return found


def paired(base: Answers, ours: Answers) -> dict[str, Any] | None:
    """{"n", "top1", "drop", "drop_ci95", "p_value"} of answers to the same images; None without labels."""
    if base.terms is None or ours.terms is None:
        return None
    drop = CLASSIFY.drop(base.terms, ours.terms, seed=0)
    figures = {"top1": CLASSIFY.metric(ours.terms).value, "drop": drop.value, "drop_ci95": list(drop.limits)}
    return {"n": ours.n, **figures, "p_value": drop.p_value}


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
