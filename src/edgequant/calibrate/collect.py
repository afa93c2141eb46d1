"""One pass of the calibration images through the network: what range each tensor had."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from ..core.arrays import Array
from ..core.preprocess import normalise
from ..graph.program import Captured
from .calibrator import AbstractCalibrator, AbstractObserver


def collect(
    captured: Captured,
    images: Iterable[Array],
    calibrator: AbstractCalibrator,
    tensors: Iterable[str],
    tick: Callable[[int], None] = lambda _: None,
) -> dict[str, AbstractObserver]:
    """An observer for each of `tensors`, shown every batch of `images` (N, H, W, C pixels).

    Memory: one batch, whose tensors are dropped after their last use, and the observers.
    `tick(n)` is called after each batch of n images.
    """
    observers = {name: calibrator.observer() for name in tensors}

    def visit(name: str, value: torch.Tensor) -> None:
        if name in observers:
            observers[name].update(value)

    with torch.inference_mode():
        for batch in images:
            captured.network.run_all(torch.from_numpy(normalise(batch, captured.inputs)), visit=visit)
            tick(len(batch))
    return observers
