"""The learning rate and the optimizer that follow from the settings."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..core.errors import BadModel
from .settings import TrainSettings


def learning_rate(settings: TrainSettings, step: int, steps_per_epoch: int) -> float:
    """The rate at `step`, counted from 0: linear warm-up, then constant or a half cosine to zero.

    `one-cycle` (Smith, 2018, arXiv:1803.09820) warms up for 30% of all steps.
    """
    total = settings.epochs * steps_per_epoch
    warm = 0.3 * total if settings.schedule == "one-cycle" else settings.warmup_epochs * steps_per_epoch
    if step < warm:
        return settings.lr * (step + 1) / (warm + 1)
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1.0, total - warm)))


def make_optimizer(network: nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """The optimizer; weight decay only where there is a matrix or a kernel to decay. Raises BadModel.

    A parameter may carry an `lr_factor`: its rate is that many times the others'.
    """
    found: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            key = (parameter.ndim <= 1, float(getattr(parameter, "lr_factor", 1.0)))
            found.setdefault(key, []).append(parameter)
    groups = [
        {"params": found[vector, factor], "weight_decay": 0.0 if vector else settings.weight_decay, "lr_factor": factor}
        for vector, factor in sorted(found)
    ]
    if not groups:
        raise BadModel("The network has no parameter that can be trained. Expected some with requires_grad=True.")
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0)
    cls = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return cls(groups, lr=settings.lr, betas=(settings.momentum, 0.999))


def average_decay(settings: TrainSettings, step: int) -> float:
    """How much of the averaged weights stays at `step`, counted from 0.

    At most `ema`, and less at first, (1 + step) / (10 + step), as TensorFlow's
    ExponentialMovingAverage: else a short training would average in the random start.
    """
    return min(settings.ema, (1 + step) / (10 + step))
