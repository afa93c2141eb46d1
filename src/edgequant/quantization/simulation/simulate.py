"""What a file will answer, computed without it: the promise that parity holds the runtime to."""

from __future__ import annotations

import copy

import numpy as np
import torch

from ...core.arrays import Array
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


def simulate(reference: Reference, arithmetic: Arithmetic | Pick, split: AbstractSplit, tick: Tick) -> Array:
    """(N, classes) float32 scores on `split`: exact integers for static recipes, and for the products of dynamic ones;
    else float32."""
    network = simulator(reference, arithmetic)
    inputs, results = reference.captured.inputs, []
    with torch.inference_mode():
        for images, _ in split.batches(BATCH):
            results.append(network(torch.from_numpy(normalise(images, inputs))).numpy())
            tick(min(len(results) * BATCH, len(split)), len(split))
    return np.concatenate(results).astype(np.float32)


def simulator(reference: Reference, arithmetic: Arithmetic | Pick) -> torch.nn.Module:
    """A module from normalised images to float scores."""
    if reference.kind == "static":
        return _Scores(reference, arithmetic)
    if reference.kind == "dynamic":
        return DynamicNetwork(reference, arithmetic)
    return with_stored_weights(reference)


class _Scores(torch.nn.Module):
    """The executor's output integers as the scores an app computes from them."""

    def __init__(self, reference: Reference, arithmetic: Arithmetic | Pick) -> None:
        super().__init__()
        self.executor = IntegerExecutor(reference, arithmetic)
        self.out = reference.activations.get(reference.captured.program.output)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result = self.executor(x)
        return result if self.out is None else (result - self.out.zero_point) * self.out.scale  # type: ignore[no-any-return]


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
