"""What a file will answer, computed without it: the promise that parity holds the runtime to."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch

from ...core.arrays import Outputs, joined
from ...core.grid import WeightQ
from ...core.preprocess import normalise
from ...core.progress import Tick
from ...data.dataset import AbstractSplit
from ...graph.program import Network
from ..reference import Reference
from .arithmetic import Arithmetic, Pick
from .dynamic import DynamicNetwork
from .executor import IntegerExecutor

BATCH = 32  # of MobileNetV2's tensors at 32x32 this many stay in a CPU's cache, which saves a sixth of the time


def simulate(reference: Reference, arithmetic: Arithmetic | Pick, split: AbstractSplit, tick: Tick) -> Outputs:
    """Every output on `split`, float32: of exact integers for static recipes, and for the products of dynamic ones."""
    network = simulator(reference, arithmetic)
    inputs, results = reference.captured.inputs, []
    with torch.inference_mode():
        for images, _ in split.batches(BATCH):
            made = network(torch.from_numpy(normalise(images, inputs)))
            results.append({name: value.numpy().astype(np.float32) for name, value in made.items()})
            tick(min(len(results) * BATCH, len(split)), len(split))
    return joined(results)


def simulator(reference: Reference, arithmetic: Arithmetic | Pick) -> torch.nn.Module:
    """A module from normalised images to every output by name, as an app reads it: floats."""
    if reference.kind == "static":
        return _Reals(reference, arithmetic)
    if reference.kind == "dynamic":
        return DynamicNetwork(reference, arithmetic)
    return with_stored_weights(reference)


class _Reals(torch.nn.Module):
    """The executor's output integers as the numbers an app computes from them."""

    def __init__(self, reference: Reference, arithmetic: Arithmetic | Pick) -> None:
        super().__init__()
        self.executor = IntegerExecutor(reference, arithmetic)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return reals(self.executor.reference, self.executor(x))


def reals(reference: Reference, outputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the outputs' integers stand for; those that are floats, as they are."""
    grids = {o.name: reference.activations.get(o.tensor) for o in reference.captured.program.outputs}
    return {n: v if (p := grids[n]) is None else (v - p.zero_point) * p.scale for n, v in outputs.items()}


def with_stored_weights(reference: Reference) -> Network:
    """The float network with the weights that the file stores: rounded to float16, or integers times scale."""
    network = copy.deepcopy(reference.captured.network)
    for step in network.program.layers:
        layer = network.layer(step.layer)
        if reference.kind == "float16":
            for parameter in layer.parameters():
                parameter.data = parameter.data.half().float()
        elif step.layer in reference.weights:
            layer.weight.data = dequantize_weight(reference.weights[step.layer])
    return network


def dequantize_weight(weight: WeightQ) -> torch.Tensor:
    """(O, ...) float32."""
    return weight.q.float() * weight.scale.float().view(-1, *[1] * (weight.q.dim() - 1))
