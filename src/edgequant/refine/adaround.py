"""AdaRound: learned rounding (Nagel et al., 2020, arXiv:2004.10568)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import final

import torch

from ..calibrate.weights import weight_scales
from ..core.arrays import Array
from ..core.errors import BadData, BadOption, Unsupported
from ..core.grid import WeightQ, quantize_bias
from ..core.progress import Tick
from ..graph.copies import copies
from ..graph.program import Step
from ..quantization.reference import Reference
from ..quantization.simulation.simulate import dequantize_weight
from .refiner import Corrects, noted, same_integers
from .rounding import Problem, Schedule, learn_rounding, output_error
from .samples import Samples, draw
from .walk import Walk

FEWEST = 8  # images: an eighth of them judges the result
SCALES = ("mse", "keep")


@final
@dataclass(frozen=True)
class AdaRound(Corrects):
    """Chooses for each weight whether to round it down or up, so that the layer's output errs least.

    Layer by layer, in order: the rounding is learned on what the quantized network feeds the layer, against what
    the float network computes there, fused activation included. It needs no labels. Activations keep their
    parameters, and layers of `bits_below` bits or more their integers: at 8 bits there is little to gain. Their
    reasons say so; a recipe that leaves nothing to do is refused.

    An eighth of the images is not learned from; where the learned integers are no better than the given ones on
    those, the layer keeps what it had, and its reason says so.
    """

    iterations: int = 1000  # of Adam, a layer
    batch: int = 256  # output positions an iteration, of any images (not whole images: see samples.py)
    lr: float = 3e-2  # of Adam; the best of 0.003, 0.01, 0.03 for this few iterations (ResNet-8, w3a8, validation)
    beta_start: float = 20.0  # the regularizer's exponent is annealed between these
    beta_end: float = 2.0
    regularization: float = 0.01  # its weight, the paper's lambda
    images: int = 256  # of the calibration images, at most
    positions: int = 8192  # output positions drawn for a layer, over all images
    bits_below: int = 8  # layers of fewer bits are rounded anew
    scale: str = "mse"  # the weights' scale: of least squared error, or `keep` the given one
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("iterations", "batch", "positions"):
            if getattr(self, name) < 1:
                raise BadOption(f"adaround: {name} is at least 1. Got {getattr(self, name)}.")
        for name in ("lr", "beta_start", "beta_end", "regularization"):
            if not getattr(self, name) > 0:
                raise BadOption(f"adaround: {name} is above 0. Got {getattr(self, name)}.")
        if self.images < FEWEST:
            raise BadOption(f"adaround: images is at least {FEWEST}. Got {self.images}.")
        if self.scale not in SCALES:
            raise BadOption(f"adaround: scale is one of {', '.join(SCALES)}. Got {self.scale!r}.")

    def idle(self, weight_bits: Collection[int]) -> str:
        return "" if any(bits < self.bits_below for bits in weight_bits) else self._nothing()

    def _nothing(self) -> str:
        return (
            f"adaround rounds layers of fewer than {self.bits_below} bits anew, and here is none. Leave it out, or"
            " write adaround:bits_below=9 for those of 8 bits."
        )

    def reference(self, reference: Reference, images: Array, tick: Tick) -> Reference:
        """Raises BadData below 8 images, Unsupported where no layer has fewer than `bits_below` bits."""
        wanted = [s.layer for s in reference.captured.program.layers if self._concerns(reference, s)]
        if not wanted:
            raise Unsupported(self._nothing())
        if len(images) < FEWEST:
            raise BadData(f"adaround learns from at least {FEWEST} images. Got {len(images)}: calibrate on more.")
        walk = Walk(reference, images[: self.images])
        generator = torch.Generator().manual_seed(self.seed)
        done, firsts = 0, copies(reference.captured.network)
        for step in reference.captured.program.steps:
            walk.run_float(step)
            if step.weighted and step.layer in wanted:
                again = self._as_before(walk.reference, reference, step, firsts[step.layer])
                walk.update(again or self._round(walk, step, generator), step)
                done += 1
                tick(done, len(wanted))
            walk.run_quantized(step)
        return noted(walk.reference, self._left(reference, wanted))

    def _as_before(self, now: Reference, given: Reference, step: Step, first: str) -> Reference | None:
        """The integers that the first call of the same module got: a file then stores them once. None for a layer of
        its own, or where the bias would not fit."""
        if first == step.layer or not same_integers(given.weights[step.layer], given.weights[first]):
            return None
        weight, layer = now.weights[first], now.captured.network.layer(step.layer)
        source = now.activations.get(step.inputs[0])
        if layer.bias is not None and source is not None:
            try:
                quantize_bias(layer.bias, source.scale, weight.scale, 64 if source.bits > 8 else 32)
            except Unsupported:
                return None
        note = {step.layer: f"adaround: rounded as {first}, whose weights it shares"}
        return noted(replace(now, weights={**now.weights, step.layer: weight}), note)

    def _left(self, reference: Reference, wanted: list[str]) -> dict[str, str]:
        """The note of each layer that has too many bits for it."""
        left = {name: weight.bits for name, weight in reference.weights.items() if name not in wanted}
        return {name: f"adaround: {bits} bits, given rounding kept" for name, bits in left.items()}

    def _concerns(self, reference: Reference, step: Step) -> bool:
        weight = reference.weights.get(step.layer)
        return weight is not None and weight.bits < self.bits_below

    def _round(self, walk: Walk, step: Step, generator: torch.Generator) -> Reference:
        """The walk's reference with the layer's new integers, or with the note that the old ones were better."""
        reference, old = walk.reference, walk.reference.weights[step.layer]
        samples = draw(walk, step, self.positions, generator)
        images = sum(len(lane.real[step.name]) for lane in walk.lanes)
        held_out = images // FEWEST * (len(samples) // images)
        learn, judge = samples.rows(slice(0, len(samples) - held_out)), samples.rows(slice(-held_out, None))
        problem, remark = self._problem(reference, step, old)
        with torch.enable_grad():
            q = learn_rounding(problem, learn, self._schedule(learn), generator)
        new = WeightQ(q, problem.scale, old.bits)
        before, after = (output_error(problem, judge, dequantize_weight(w)) for w in (old, new))
        note = f"adaround: output error {before:.3g} -> {after:.3g}{remark}"
        if not after < before:
            return noted(reference, {step.layer: f"{note}, not better: given rounding kept"})
        return noted(replace(reference, weights={**reference.weights, step.layer: new}), {step.layer: note})

    def _problem(self, reference: Reference, step: Step, old: WeightQ) -> tuple[Problem, str]:
        layer = reference.captured.network.layer(step.layer)
        weight = layer.weight.detach().float()
        bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach().float()
        scale, remark = self._scale(reference, step, old, weight, bias)
        return Problem(weight, bias, scale, old.bits, step.activation), remark

    def _scale(
        self, reference: Reference, step: Step, old: WeightQ, weight: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, str]:
        """The scale to round on, and a remark where the finer one cannot be had."""
        if self.scale == "keep":
            return old.scale, ""
        scale = weight_scales(weight, old.bits, per_channel=old.scale.numel() == len(weight), method="mse")
        source = reference.activations.get(step.inputs[0])
        if source is not None:
            try:
                quantize_bias(bias, source.scale, scale, 64 if source.bits > 8 else 32)
            except Unsupported:
                return old.scale, " (on the given scale: a finer one leaves the bias no room)"
        return scale, ""

    def _schedule(self, samples: Samples) -> Schedule:
        """A depthwise channel has nine unknowns or so: a quarter of the positions tells as much about them."""
        batch = max(1, self.batch // 4) if samples.depthwise else self.batch
        return Schedule(self.iterations, batch, self.lr, self.beta_start, self.beta_end, self.regularization)
