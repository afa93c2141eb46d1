"""A variant beside its float32: what the recommendation rests on."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.arrays import Array, only
from ...data.draw import drawn
from ...measure.accuracy import CLASSIFY, Answers
from ...measure.accuracy import judge as judged
from ...tasks.fidelity import fidelity
from ..making.variant import scores
from ..networks.float_first import unfit
from ..prepared import Prepared
from . import runtime as judge
from .finished import Finished

OUTPUT = "output0"


def against_float(done: Finished, base: Finished, quick: int) -> dict[str, Any]:
    """The keys "validation", "agreement", "fidelity", "caution" and, of float32 itself, "unfit".

    "validation": {"n", "top1", "drop", "drop_ci95", "p_value"}, paired on the images that choices are made by; None
    without labels. "agreement": of top-1 answers with float32's on the same images. "fidelity": of the scores that
    were evaluated. "caution": what makes these images flatter a file, or "". "unfit": why no file of this network can
    be recommended, or "".
    """
    ours, theirs = _validation(done), _validation(base)
    found: dict[str, Any] = {"validation": None, "agreement": None, "unfit": None}
    found["caution"] = caution(done.variant.network)
    found["fidelity"] = {OUTPUT: fidelity(only(base.answers.outputs), only(done.answers.outputs))}
    if ours is None or theirs is None:
        return found
    network = done.variant.network
    split = drawn(network.splits.validation, quick)
    annotations = split.annotations(np.arange(len(split)))
    before, now = (judged({OUTPUT: one}, annotations) for one in (theirs, ours))
    found["agreement"] = CLASSIFY.agreement(before.predictions, now.predictions)
    found["validation"] = paired(before, now)
    if done is base:
        found["unfit"] = unfit(network.provenance, ours, split.labels)
    return found


def _validation(done: Finished) -> Array | None:
    """(N, classes) scores on validation: the file's own where that is what was evaluated, else the simulated ones."""
    if judge.evaluated(done.variant.network) == "validation":
        outputs: Array = only(done.answers.outputs)
        return outputs
    return scores(done.made, "validation")


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
