"""A plan and the observed ranges become a reference: the last place where a parameter is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import torch

from ..calibrate.calibrator import AbstractObserver
from ..calibrate.weights import weight_scales
from ..core.errors import Unsupported
from ..core.grid import QParams, WeightQ, choose_qparams, quantize_bias, quantize_weight
from ..core.preprocess import input_range
from ..graph.ops.table import OPS
from ..graph.program import Captured, Program, Step
from ..recipe.resolve import Plan, fates
from ..recipe.scheme import LayerFate, Scheme
from .reference import Reference

Ranges = Mapping[str, AbstractObserver]
WeightMethod = Literal["minmax", "mse"]


def observable(program: Program) -> tuple[str, ...]:
    """Every tensor whose range has to be seen under some plan: the input's is known, a fixed one's too."""
    return tuple(step.name for step in program.steps if OPS[step.kind].rule != "fixed")


def observed_tensors(captured: Captured, plan: Plan) -> tuple[str, ...]:
    """The tensors whose range has to be seen under this plan."""
    seen = frozenset(observable(captured.program))
    return tuple(tensor for tensor in plan.tensors if tensor in seen)


def build(captured: Captured, plan: Plan, observers: Ranges, weight_method: WeightMethod = "minmax") -> Reference:
    """The reference graph of `plan`. `observers` must have seen every tensor of `observed_tensors`."""
    activations = _activations(captured, plan, observers)
    reference = Reference(captured, plan.recipe.name, plan.recipe.kind, activations, {}, fates(captured.program, plan))
    for step in captured.program.layers:
        scheme = plan.schemes[step.name]
        if scheme.weight_bits is not None:
            reference = _with_weight(reference, step, scheme, weight_method)
    return reference


def _activations(captured: Captured, plan: Plan, observers: Ranges) -> dict[str, QParams]:
    """A group of tensors has one grid, of all that its members were, 0 among it."""
    ranges: dict[str, tuple[float, float]] = {}
    for tensor, bits in plan.tensors.items():
        low, high = ranges.get(plan.groups[tensor], (0.0, 0.0))
        if tensor == captured.program.input:
            seen = input_range(captured.inputs)
        else:
            seen = observers[tensor].range(bits, tensor in plan.symmetric) if tensor in observers else (0.0, 0.0)
        ranges[plan.groups[tensor]] = (min(low, seen[0]), max(high, seen[1]))
    kinds = {s.name: OPS[s.kind] for s in captured.program.steps}
    fixed = {plan.groups[t]: kinds[t].fixed for t in plan.tensors if t in kinds and kinds[t].fixed}
    found = {}
    for tensor, bits in plan.tensors.items():
        own = fixed.get(plan.groups[tensor])  # what a member of the group computes into, whatever was seen
        if own and bits > 8:
            found[tensor] = QParams(2.0 ** -(bits - 1), 0, bits)  # the LiteRT 16x8 rule for LOGISTIC and SOFTMAX
        else:
            found[tensor] = choose_qparams(*(own or ranges[plan.groups[tensor]]), bits, tensor in plan.symmetric)
    return found


def _with_weight(reference: Reference, step: Step, scheme: Scheme, method: WeightMethod) -> Reference:
    """The reference with this layer's integers, or with the reason why it stays in float."""
    assert scheme.weight_bits is not None
    layer = reference.captured.network.layer(step.layer)
    scale = weight_scales(layer.weight.detach(), scheme.weight_bits, scheme.per_channel, method)
    source = reference.activations.get(step.inputs[0])
    if layer.bias is not None and source is not None and step.name in reference.activations and len(scale) > 1:
        scale = roomy(scale, layer.bias, source)
    weight = WeightQ(quantize_weight(layer.weight, scale, scheme.weight_bits), scale, scheme.weight_bits)
    if layer.bias is not None and source is not None and step.name in reference.activations:
        try:
            quantize_bias(layer.bias, source.scale, scale, 64 if source.bits > 8 else 32)
        except Unsupported as error:
            return _left_in_float(reference, step, str(error))
    return replace(reference, weights={**reference.weights, step.layer: weight})


def roomy(scale: torch.Tensor, bias: torch.Tensor, source: QParams) -> torch.Tensor:
    """(O,) weight scales, raised in the channels whose bias would need more than half of the accumulator.

    That is a channel that training switched off: weights of 1e-10 and a bias. The scale of such weights is so small
    that the bias, which has the scale `s_in * s_w`, has no room (EfficientNet-Lite0 has some in many layers). With
    the larger scale its weights are coarser, or 0; beside that bias their products are next to nothing.
    """
    half = 2.0 ** (62 if source.bits > 8 else 30)
    least = bias.detach().double().abs() / (float(np.float32(source.scale)) * half)
    return torch.maximum(scale, least.float() * (1 + 1e-6))


def _left_in_float(reference: Reference, step: Step, reason: str) -> Reference:
    def fate(old: LayerFate) -> LayerFate:
        return replace(old, weight_bits=None, granularity="", fate="float", reason=reason)

    return replace(reference, layers=tuple(fate(f) if f.name == step.layer else f for f in reference.layers))
