"""A network built of its source, and held against what the source's own runtime says, before anything is made of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ...core.image import InputSpec
from ...core.preprocess import normalise
from ...data.dataset import Splits
from ...graph.capture.capture import capture
from ...graph.capture.one_result import give_one
from ...graph.capture.trial import check_floats
from ...graph.program import Captured
from ...models.model import AbstractModel

FEWEST, MOST, PIXELS = 4, 16, 400_000  # images, and what they have together where they are large


def built(model: AbstractModel, inputs: InputSpec, classes: int, splits: Splits | None = None) -> nn.Module:
    """What `model.build` gives, which from here on gives one tensor. A source that is not PyTorch's is checked now:
    later the module may have other weights than the source. Raises BadModel.
    """
    module = give_one(model.build(inputs, classes))
    check_floats(module)
    judge = model.judge(module, inputs)
    if judge is not None:
        capture(module, inputs, (), None if splits is None else seen(splits, inputs), judge)
    return module


def held(module: nn.Module, inputs: InputSpec, splits: Splits) -> Captured:
    """Captured, and held against the module on noise and on images of the data set. Raises BadModel."""
    return capture(module.eval(), inputs, splits.classes, seen(splits, inputs))


def seen(splits: Splits, inputs: InputSpec) -> torch.Tensor | None:
    """Some training images from all over the set, (N, C, H, W) float32 as the network sees them; None for none."""
    wanted = min(max(FEWEST, PIXELS // (inputs.height * inputs.width)), MOST)
    count = min(wanted, len(splits.train))
    if not count:
        return None
    positions = np.linspace(0, len(splits.train) - 1, count).astype(np.int64)
    return torch.from_numpy(normalise(splits.train.take(positions), inputs))
