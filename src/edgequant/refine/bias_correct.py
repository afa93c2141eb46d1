"""Empirical bias correction (Nagel et al., 2019, arXiv:1906.04721, section 4.2)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import final

import torch

from ..core.arrays import Array
from ..core.errors import BadOption
from ..core.progress import Tick
from ..quantization.reference import Reference
from .refiner import Corrects, noted
from .walk import Walk, correct_bias


@final
@dataclass(frozen=True)
class BiasCorrect(Corrects):
    """Takes the mean error that quantization causes in each output channel out of the layer's bias.

    b += E[W x + b] - E[W' x' + b], over the images and all positions, before the activation; x' is what the
    quantized network computes with all earlier layers corrected. Layers left in float keep their bias.

    The result carries a network with the new biases, of which every backend makes its integers. A refiner that
    comes later still compares with the network as it was.
    """

    images: int = 256  # of the calibration images, at most

    def __post_init__(self) -> None:
        if self.images < 1:
            raise BadOption(f"bias_correct: images is at least 1. Got {self.images}.")

    def reference(self, reference: Reference, images: Array, tick: Tick) -> Reference:
        """Raises BadData without images, Unsupported where a corrected bias does not fit its integers."""
        if not reference.weights:
            return reference
        captured = replace(reference.captured, network=copy.deepcopy(reference.captured.network))
        reference = replace(reference, captured=captured)
        walk, notes = Walk(reference, images[: self.images]), {}
        steps = captured.program.steps
        for done, step in enumerate(steps, 1):
            if step.weighted and step.layer in reference.weights:
                wanted, got = _Mean(), _Mean()
                walk.run_float(step, wanted.add)
                for batch in walk.before_activation(step):
                    got.add(batch)
                shift = wanted.value() - got.value()
                correct_bias(captured.network.layer(step.layer), shift.float())
                walk.update(walk.reference, step)
                mean, most = float(shift.abs().mean()), float(shift.abs().max())
                notes[step.layer] = f"bias corrected: by {mean:.2g} in the mean, {most:.2g} at most"
            else:
                walk.run_float(step)
            walk.run_quantized(step)
            tick(done, len(steps))
        return noted(reference, notes)


class _Mean:
    """The mean of each channel over batches and positions, summed in float64."""

    def __init__(self) -> None:
        self.total: torch.Tensor | float = 0.0
        self.count = 0

    def add(self, batch: torch.Tensor) -> None:
        """`(N, O, ...)`."""
        rows = batch.detach().flatten(2).transpose(1, 2).flatten(0, 1) if batch.dim() > 2 else batch.detach()
        self.total = self.total + rows.sum(0, dtype=torch.float64)
        self.count += len(rows)

    def value(self) -> torch.Tensor:
        """(O,) float64."""
        return torch.as_tensor(self.total) / self.count
