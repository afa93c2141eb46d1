"""Whether the weights that a user's factory gives are its own, or drawn anew at each call."""

from __future__ import annotations

import random

import numpy as np
import torch

from ...core.image import InputSpec
from ...models.model import AbstractModel

SEEDS = (1, 2)


def fresh_weights(model: AbstractModel, inputs: InputSpec, classes: int) -> str:
    """The first tensor that two builds under different seeds fill differently, or not at all alike; else empty.

    Asked only of a model that is `unsure` of its weights. The caller's random generators are left as they were.
    """
    if not model.unsure:
        return ""
    first, second = (_state(model, inputs, classes, seed) for seed in SEEDS)
    different = (name for name in first if name not in second or not _equal(first[name], second[name]))
    return next(different, "")


def _state(model: AbstractModel, inputs: InputSpec, classes: int, seed: int) -> dict[str, torch.Tensor]:
    theirs, ours = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed)
            return model.build(inputs, classes).state_dict()
    finally:
        random.setstate(theirs)
        np.random.set_state(ours)


def _equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))
