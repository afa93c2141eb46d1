"""What was trained, as a reference: integers, scales and zero points as they are, nothing chosen anew."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from ...core.grid import WeightQ, quantize_weight
from ...graph.program import mangle
from ...quantization.reference import Reference
from ...quantization.simulation.simulate import dequantize_weight
from ..refiner import noted
from ..walk import FLOAT_BIAS
from .network import FakeQuantized


@torch.no_grad()
def learned(network: FakeQuantized) -> Reference:
    """The reference that `network` computes with now. Its captured network holds the weights on their grid."""
    given = network.reference
    weights = {name: _weight(network, name, old) for name, old in given.weights.items()}
    layers = copy.deepcopy(network.layers).cpu()
    for name, weight in weights.items():
        layers[mangle(name)].weight = nn.Parameter(dequantize_weight(weight))
    for layer in layers.values():
        if hasattr(layer, FLOAT_BIAS):
            delattr(layer, FLOAT_BIAS)  # the bias that was before a correction: there is no such thing any more
    trained = copy.copy(given.captured.network)
    trained._modules = {**trained._modules, "layers": layers}
    captured = replace(given.captured, network=trained)
    found = replace(given, captured=captured, activations=network.activations(), weights=weights)
    return noted(found, {name: _note(given, found, name) for name in network.trained})


def _weight(network: FakeQuantized, name: str, old: WeightQ) -> WeightQ:
    if name not in network.trained:  # it runs in float: only its stored integers follow
        weight = network.layer(name).weight.detach().cpu()
        return WeightQ(quantize_weight(weight, old.scale, old.bits), old.scale, old.bits)
    q = network.integers(name).to(torch.int8).cpu().contiguous()
    return WeightQ(q, network.weight_scale(name).cpu(), old.bits)


def _note(old: Reference, new: Reference, name: str) -> str:
    """`qat: 12.3% of the integers changed, scales x0.93 to x1.08`"""
    before, after = old.weights[name], new.weights[name]
    changed = float((before.q != after.q).float().mean())
    ratio = after.scale / before.scale
    return f"qat: {changed:.1%} of the integers changed, scales x{float(ratio.min()):.2f} to x{float(ratio.max()):.2f}"
