"""AdaRound: learned rounding of weights (Nagel et al., 2020, arXiv:2004.10568, equations 21 to 25)."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import final

import torch

from ..calibrate.weights import weight_scales
from ..core.arrays import Array
from ..core.errors import BadData, BadOption, Unsupported
from ..core.grid import QParams, WeightQ, quantize_bias
from ..core.progress import Tick
from ..graph.copies import copies
from ..graph.program import Activation, Step, activate
from ..quantization.reference import Reference
from ..quantization.simulation.simulate import dequantize_weight
from .refiner import Corrects, noted, same_integers
from .samples import Samples, draw
from .walk import Walk

FEWEST = 8  # images: an eighth of them judges the result
ZETA, GAMMA = 1.1, -0.1  # the rectified sigmoid's stretch (equation 23): it reaches 0 and 1 at finite V
WARMUP = 0.2  # of the iterations without regularizer, so that V may first find where the error is least
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
        bits = {name: weight.bits for name, weight in reference.weights.items()}
        layers = [step.layer for step in reference.captured.program.layers if step.layer in bits]
        wanted = [layer for layer in layers if bits[layer] < self.bits_below]
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
        left = {name: f"adaround: {bits[name]} bits, given rounding kept" for name in bits if name not in wanted}
        return noted(walk.reference, left)

    def _as_before(self, now: Reference, given: Reference, step: Step, first: str) -> Reference | None:
        """The integers that the first call of the same module got: a file then stores them once. None for a layer of
        its own, or where the bias would not fit."""
        if first == step.layer or not same_integers(given.weights[step.layer], given.weights[first]):
            return None
        weight, layer = now.weights[first], now.captured.network.layer(step.layer)
        if layer.bias is not None and not _fits(layer.bias, now.activations.get(step.inputs[0]), weight.scale):
            return None
        note = {step.layer: f"adaround: rounded as {first}, whose weights it shares"}
        return noted(replace(now, weights={**now.weights, step.layer: weight}), note)

    def _round(self, walk: Walk, step: Step, generator: torch.Generator) -> Reference:
        """The walk's reference with the layer's new integers, or with the note that the old ones were better."""
        reference, old = walk.reference, walk.reference.weights[step.layer]
        layer = reference.captured.network.layer(step.layer)
        weight = layer.weight.detach().float()
        bias = torch.zeros(len(weight)) if layer.bias is None else layer.bias.detach().float()
        # With few bits a scale that clips the outliers errs least. But a bias is stored in steps of that scale times
        # the input's: a finer scale may leave it too few integers.
        scale, remark = old.scale, ""
        if self.scale == "mse":
            scale = weight_scales(weight, old.bits, per_channel=old.scale.numel() == len(weight), method="mse")
            if not _fits(bias, reference.activations.get(step.inputs[0]), scale):
                scale, remark = old.scale, " (on the given scale: a finer one leaves the bias no room)"
        problem = Problem(weight, bias, scale, old.bits, step.activation)
        # Rows come image after image, as many of each: the last ones are of whole images that nothing learns from.
        samples = draw(walk, step, self.positions, generator)
        images = sum(len(lane.real[step.name]) for lane in walk.lanes)
        held_out = images // FEWEST * (len(samples) // images)
        learn, judge = samples.rows(slice(0, len(samples) - held_out)), samples.rows(slice(-held_out, None))
        # A depthwise channel has nine unknowns or so: a quarter of the positions tells as much about them.
        batch = max(1, self.batch // 4) if samples.depthwise else self.batch
        schedule = Schedule(self.iterations, batch, self.lr, self.beta_start, self.beta_end, self.regularization)
        with torch.enable_grad():
            q = learn_rounding(problem, learn, schedule, generator)
        new = WeightQ(q, problem.scale, old.bits)
        before, after = (output_error(problem, judge, dequantize_weight(w)) for w in (old, new))
        note = f"adaround: output error {before:.3g} -> {after:.3g}{remark}"
        if not after < before:
            return noted(reference, {step.layer: f"{note}, not better: given rounding kept"})
        return noted(replace(reference, weights={**reference.weights, step.layer: new}), {step.layer: note})


def _fits(bias: torch.Tensor, source: QParams | None, scale: torch.Tensor) -> bool:
    """Whether the bias has integers in steps of the input's scale times the weight's; a float input asks for none."""
    if source is not None:
        try:
            quantize_bias(bias, source.scale, scale, 64 if source.bits > 8 else 32)
        except Unsupported:
            return False
    return True


@dataclass(frozen=True)
class Schedule:
    """How long and how hard; see AdaRound for what each means."""

    iterations: int
    batch: int
    lr: float
    beta_start: float
    beta_end: float
    regularization: float

    def beta(self, iteration: int) -> float:
        """Annealed along a half cosine after the warm-up."""
        start = WARMUP * self.iterations
        done = min(1.0, max(0.0, (iteration - start) / max(1.0, self.iterations - start)))
        return self.beta_end + 0.5 * (self.beta_start - self.beta_end) * (1 + math.cos(math.pi * done))

    def strength(self, iteration: int) -> float:
        return 0.0 if iteration < WARMUP * self.iterations else self.regularization


@dataclass(frozen=True)
class Problem:
    """One layer: its float weight (O, ...) and bias (O,), the grid of its weight, and its activation."""

    weight: torch.Tensor
    bias: torch.Tensor
    scale: torch.Tensor  # (O,) or (1,)
    bits: int
    activation: Activation

    @property
    def steps(self) -> torch.Tensor:
        """The weight in units of its scale."""
        return self.weight / self.scale.view(-1, *[1] * (self.weight.dim() - 1))

    def output(self, samples: Samples, weight: torch.Tensor) -> torch.Tensor:
        return activate(samples.times(weight) + self.bias, self.activation)


@torch.no_grad()
def output_error(problem: Problem, samples: Samples, weight: torch.Tensor) -> float:
    """Mean squared error of the layer's outputs with `weight` (O, ...) in place of its own."""
    difference = problem.output(samples, weight) - samples.targets
    return float(difference.square().mean(dtype=torch.float64))


def learn_rounding(problem: Problem, samples: Samples, schedule: Schedule, generator: torch.Generator) -> torch.Tensor:
    """Integers (O, ...) int8, each the float weight rounded down or up, within [-(2^(b-1)-1), 2^(b-1)-1]."""
    floor, top = torch.floor(problem.steps), 2 ** (problem.bits - 1) - 1
    v = starting_at(problem.steps - floor).requires_grad_()
    optimizer = torch.optim.Adam([v], lr=schedule.lr, fused=True)
    scale = problem.scale.view(-1, *[1] * (floor.dim() - 1))
    batches = torch.randint(len(samples), (schedule.iterations, schedule.batch), generator=generator)
    for i in range(schedule.iterations):
        batch = samples.rows(batches[i])
        # Soft rounding (equation 22), between the two integers, so that the loss has a gradient in V. The regularizer
        # pushes h to 0 or 1; what it has not settled by the end is cut at a half.
        h = rectified_sigmoid(v)
        weight = torch.clamp(floor + h, -top, top) * scale
        loss = (problem.output(batch, weight) - batch.targets).square().sum(1).mean()
        if schedule.strength(i):
            loss = loss + schedule.strength(i) * regularizer(h, schedule.beta(i))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    up = (rectified_sigmoid(v.detach()) >= 0.5).float()
    return torch.clamp(floor + up, -top, top).to(torch.int8)


def rectified_sigmoid(v: torch.Tensor) -> torch.Tensor:
    """h(V) = clip(sigmoid(V) (zeta - gamma) + gamma, 0, 1) (equation 23)."""
    return torch.clamp(torch.sigmoid(v) * (ZETA - GAMMA) + GAMMA, 0, 1)


def regularizer(h: torch.Tensor, beta: float) -> torch.Tensor:
    """sum(1 - |2 h - 1|^beta) (equation 24): zero where every h is 0 or 1."""
    return (1 - (2 * h - 1).abs().pow(beta)).sum()


def starting_at(fraction: torch.Tensor) -> torch.Tensor:
    """V such that h(V) is the fraction: the search starts at the float weights."""
    return -torch.log((ZETA - GAMMA) / (fraction - GAMMA) - 1)
