"""Small networks with the faults that refiners mend, and the steps from one to its reference."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import nn

from edgequant.calibrate.collect import collect
from edgequant.calibrate.minmax import MinMax
from edgequant.core.arrays import Array, only
from edgequant.core.image import InputSpec
from edgequant.core.preprocess import normalise
from edgequant.graph.capture.capture import capture
from edgequant.graph.program import Captured
from edgequant.quantization.build import build, observed_tensors
from edgequant.quantization.reference import Reference
from edgequant.quantization.simulation.executor import IntegerExecutor
from edgequant.quantization.simulation.kernels.builtin import BUILTIN
from edgequant.quantization.simulation.kernels.xnnpack import XNNPACK
from edgequant.recipe.recipe import Recipe, Rule, parse_recipe
from edgequant.recipe.resolve import resolve
from edgequant.recipe.scheme import Capability, Scheme
from edgequant.refine.refiner import AbstractRefiner, Rewrites

SPEC = InputSpec(3, 8, 8)
ANY = Capability(frozenset({"static", "weight-only", "float32"}), frozenset(range(2, 9)), frozenset(range(2, 17)))


class Residual(nn.Module):
    """A stem, a depthwise block with a shortcut, a strided grouped convolution, and a classifier."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), activation())
        self.block = nn.Sequential(
            nn.Conv2d(8, 16, 1),
            activation(),
            nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False),
            activation(),
            nn.Conv2d(16, 8, 1),
        )
        self.down = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1, groups=2), activation())
        self.head = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.block(x)
        return self.head(self.down(x).mean((2, 3)))  # type: ignore[no-any-return]


def captured(module: nn.Module, seed: int = 0, spec: InputSpec = SPEC) -> Captured:
    """`module` with weights drawn anew, wide enough that activations neither vanish nor explode."""
    torch.manual_seed(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.normal_(layer.bias, 0, 0.1)
    return capture(module, spec, ())


@cache
def residual() -> Captured:
    """The one network that most tests share; none may change it."""
    return captured(Residual())


def images(n: int, seed: int = 0, spec: InputSpec = SPEC) -> Array:
    """(n, H, W, C) uint8: blocks of 2x2 pixels, so that neighbours agree as they do in photographs."""
    small = np.random.default_rng(seed).integers(0, 256, (n, spec.height // 2, spec.width // 2, spec.channels))
    return small.repeat(2, 1).repeat(2, 2).astype(np.uint8)


def tensors(pixels: Array, spec: InputSpec = SPEC) -> torch.Tensor:
    return torch.from_numpy(normalise(pixels, spec))


def reference_of(
    network: Captured, recipe: str | Recipe, refiners: Sequence[AbstractRefiner] = (), pixels: Array | None = None
) -> Reference:
    """The reference of `recipe`, with the refiners' network stage before calibration and no reference stage."""
    for refiner in refiners:
        network = refiner.network(network) if isinstance(refiner, Rewrites) else network
    plan = resolve(network.program, parse_recipe(recipe) if isinstance(recipe, str) else recipe, "simulation", ANY)
    seen = [images(64) if pixels is None else pixels]
    return build(network, plan, collect(network, seen, MinMax(), observed_tensors(network, plan)))


def per_tensor(bits: int) -> Recipe:
    return Recipe(f"w{bits}a8", "static", (Rule("*", Scheme(bits, 8, per_channel=False)),))


def simulated(reference: Reference, pixels: Array) -> torch.Tensor:
    """(N, classes) scores as reals."""
    out = reference.captured.program.only.tensor
    arithmetic = BUILTIN if reference.activations[out].bits > 8 else XNNPACK
    q = only(IntegerExecutor(reference, arithmetic)(tensors(pixels, reference.captured.inputs)))
    return (q - reference.activations[out].zero_point) * reference.activations[out].scale


def fingerprint(reference: Reference) -> dict[str, torch.Tensor]:
    """Copies of everything in a reference that a refiner could change in place."""
    state = {f"network.{k}": v.clone() for k, v in reference.captured.network.state_dict().items()}
    for layer, weight in reference.weights.items():
        state |= {f"q.{layer}": weight.q.clone(), f"scale.{layer}": weight.scale.clone()}
    return state


def unchanged(before: dict[str, torch.Tensor], reference: Reference) -> bool:
    after = fingerprint(reference)
    return before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)


def silent(_done: int, _total: int) -> None:
    """A tick that shows nothing."""
