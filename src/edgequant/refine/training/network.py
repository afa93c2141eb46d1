"""The captured network with the quantization of a reference in it, ready to be trained.

Which tensors are quantized, with how many bits, and which share a grid is read from the reference and the op table,
and nowhere else: a tensor here is on a grid exactly where the integer executor holds integers.
"""

from __future__ import annotations

import copy
import math
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ...core.grid import QParams
from ...graph.copies import copies
from ...graph.ops.table import OPS
from ...graph.program import Program, Step, activate, last_uses, mangle
from ...quantization.reference import Reference
from ...recipe.resolve import sharing
from ..refiner import same_integers
from .fake_quant import FakeQuantize, FakeQuantizeWeight, Grid, RoundBias, fake_quantize, per_channel
from .layout import (
    OVERWRITTEN,
    at_rate,
    grid_of,
    has_free_zero_point,
    into_cells,
    learned_at,
    learned_groups,
    moves,
    trained_weights,
)
from .oscillation import Freezing, Oscillation, threshold

FEW_BITS = 4  # weights of as many bits or fewer oscillate enough to be damped and frozen


class FakeQuantized(nn.Module):
    """`(N, C, H, W)` float32 in, `(N, classes)` scores out, with the rounding of the deployed file on the way.

    Scores are those before a softmax that ends the network: losses take one themselves.

    Weights start at the reference's integers, or as near to the float weight as rounds to them. Everything is
    learned in units of where it starts: a weight as a part of its channel's range, a scale as the logarithm of its
    ratio to the reference's, a zero point as a part of its grid, a bias as a part of its tensor's range. One rate
    then suits layers and channels whose magnitudes BatchNorm, once folded, has set decades apart.
    """

    def __init__(self, reference: Reference, freezing: Freezing, scale_rate: float = 1.0) -> None:
        super().__init__()
        self.reference, self.freezing, self.done = reference, freezing, 0.0
        self.layers = copy.deepcopy(reference.captured.network.layers)
        self.groups = sharing(reference.captured.program)
        self.log_scale, self.zero_shift, self.weight_log_scale = (nn.ParameterDict() for _ in range(3))
        self.oscillation = nn.ModuleDict()
        self.keep: tuple[str, ...] = ()  # tensors that the next forward pass leaves in `kept`
        self.kept: dict[str, torch.Tensor] = {}
        self.trained = trained_weights(reference)
        for group in learned_groups(reference):
            self.log_scale[mangle(group)] = learned_at(torch.zeros(()), scale_rate)
            if has_free_zero_point(reference, group):
                self.zero_shift[mangle(group)] = learned_at(torch.zeros(()), scale_rate)
        firsts, given = copies(reference.captured.network), reference.weights
        for layer in self.trained:
            first = firsts[layer]
            called_before = first in self.trained and same_integers(given[layer], given[first])
            self._learn_weight(layer, first if called_before else layer, scale_rate)
        self._set_rates()

    def _learn_weight(self, layer: str, first: str, rate: float) -> None:
        """Its scale, its start and its history; those of `first`, an earlier call of one module, where the file stores
        both once.
        """
        given = self.reference.weights[layer]
        self.register_buffer(f"weight_scale/{mangle(layer)}", given.scale.clone())
        if first != layer:
            self.weight_log_scale[mangle(layer)] = self.weight_log_scale[mangle(first)]
            self.layer(layer).weight = self.layer(first).weight
            if mangle(first) in self.oscillation:
                self.oscillation[mangle(layer)] = self.oscillation[mangle(first)]
            return
        self.weight_log_scale[mangle(layer)] = learned_at(torch.zeros_like(given.scale), rate)
        weight = self.layer(layer).weight
        started = into_cells(weight.detach(), given.q, given.scale, given.bits)
        weight.data = started / per_channel(self.unit(layer), started)
        if given.bits <= FEW_BITS and self.freezing.frequency:
            self.oscillation[mangle(layer)] = Oscillation(given.q)

    def _set_rates(self) -> None:
        """In units of where each parameter starts. A layer that only normalises pixels is left as it is."""
        for step in self.program.layers:
            layer = self.layer(step.layer)
            if step.layer not in self.trained:
                at_rate(layer.weight, float(layer.weight.detach().square().mean().sqrt()))
            if layer.bias is not None:
                p = self.reference.activations.get(step.name)
                at_rate(layer.bias, p.scale * 2 ** (p.bits - 2) if p else float(layer.bias.detach().abs().mean()))
            if step.attrs.get("normalises"):
                layer.requires_grad_(False)

    def layer(self, name: str) -> nn.Conv2d | nn.Linear:
        return self.layers[mangle(name)]  # type: ignore[return-value]

    @cached_property
    def program(self) -> Program:
        return self.reference.captured.program

    @cached_property
    def output(self) -> str:
        tensor = self.program.only.tensor
        if not self.program.ends_in_softmax:
            return tensor
        return next(s for s in self.program.steps if s.name == tensor).inputs[0]

    @cached_property
    def _last(self) -> dict[str, tuple[str, ...]]:
        return {step: tuple(t for t in names if t != self.output) for step, names in last_uses(self.program).items()}

    @cached_property
    def _in_integers(self) -> frozenset[str]:
        return frozenset(s.name for s in self.program.steps if self.reference.runs_in_integers(s))

    @torch.no_grad()
    def begin(self, step: int, total: int) -> None:
        """Before each step of training: count flips, freeze, and stop learning scales when it is time."""
        self.done = step / max(1, total)
        learn = self.done < self.freezing.scales_at
        for parameter in (*self.log_scale.values(), *self.zero_shift.values(), *self.weight_log_scale.values()):
            parameter.requires_grad_(learn)
        limit = threshold(self.freezing.frequency, self.done)
        seen = {
            id(self.oscillation[key]): name
            for name in reversed(self.trained)
            if (key := mangle(name)) in self.oscillation
        }
        for name in seen.values():
            self._oscillation(mangle(name)).see(self.integers(name), limit)

    def _oscillation(self, name: str) -> Oscillation:
        return self.oscillation[name]  # type: ignore[return-value]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A float reader of a tensor that is quantized for others sees it before it is rounded, as in the file."""
        params, source = self.activations(), self.program.input
        grid: dict[str, torch.Tensor] = {}
        if source in params:
            p = params[source]
            x = grid[source] = fake_quantize(x, Grid(p.scale, p.low - p.zero_point, p.high - p.zero_point, 0.0))
        real = {source: x}
        self.kept = {}
        for step in self.program.steps:
            if step.name in self._in_integers:
                grid[step.name] = self._run(step, [grid[t] for t in step.inputs], params)
            else:
                inputs = [real[t] if t in real else grid[t] for t in step.inputs]
                real[step.name] = activate(self._unfused(step, inputs), step.activation)
                if step.name in params:
                    grid[step.name] = self._quantize(step, real[step.name], params, in_place=False)
            if step.name in self.keep:
                self.kept[step.name] = grid.get(step.name, real.get(step.name))  # type: ignore[assignment]
            for name in self._last.get(step.name, ()):
                real.pop(name, None)
                grid.pop(name, None)
        return grid[self.output] if self.output in grid else real[self.output]

    def _run(self, step: Step, inputs: list[torch.Tensor], params: dict[str, QParams]) -> torch.Tensor:
        if OPS[step.kind].moves:
            return OPS[step.kind].run(step.attrs, None, *inputs)
        result = self._unfused(step, inputs, params.get(step.inputs[0]))
        return self._quantize(step, result, params, step.kind in OVERWRITTEN)

    def _unfused(self, step: Step, inputs: list[torch.Tensor], source: QParams | None = None) -> torch.Tensor:
        """The operation without its activation, on the quantized weight where it has one.

        `source` are the parameters of its input where it runs in integers: they decide the grid of the bias, which
        is coarse enough to matter where weights and activations have few bits.
        """
        if not step.weighted:
            return OPS[step.kind].run(step.attrs, None, *inputs)
        layer, scale = self.layer(step.layer), self._scale(step.layer)
        weight, bias = self._weight(step.layer, scale), layer.bias
        if bias is not None and source is not None and scale is not None:
            bias = RoundBias.apply(bias, scale * source.scale)  # type: ignore[no-untyped-call]
        if isinstance(layer, nn.Linear):
            return F.linear(inputs[0], weight, bias)
        return layer._conv_forward(inputs[0], weight, bias)  # type: ignore[no-any-return]

    def _quantize(self, step: Step, x: torch.Tensor, params: dict[str, QParams], in_place: bool) -> torch.Tensor:
        """On the grid of the step's tensor, its fused activation included: the bounds are the kernels' own."""
        grid, group = grid_of(step, params[step.name], in_place), mangle(self.groups[step.name])
        if not torch.is_grad_enabled():
            return fake_quantize(x, grid)
        if group not in self.log_scale:
            return FakeQuantize.apply(x, x.new_zeros(()), None, grid)  # type: ignore[no-any-return, no-untyped-call]
        zero = self.zero_shift.get(group, None)
        return FakeQuantize.apply(x, self.log_scale[group], zero, grid)  # type: ignore[no-any-return, no-untyped-call]

    def _weight(self, name: str, scale: torch.Tensor | None) -> torch.Tensor:
        """(O, ...) the layer's weight as the file holds it, differentiable."""
        key, weight = mangle(name), self.layer(name).weight
        if scale is None:
            return weight
        bits = self.reference.weights[name].bits
        if key in self.oscillation:
            weight = self._oscillation(key).held(weight, per_channel(scale / self.unit(name), weight))
        damping = self.freezing.damping * self.done if bits <= FEW_BITS else 0.0
        top, log_scale, unit = 2 ** (bits - 1) - 1, self.weight_log_scale[key], self.unit(name)
        return FakeQuantizeWeight.apply(weight, log_scale, unit, scale, top, damping)  # type: ignore[no-any-return, no-untyped-call]

    def _scale(self, name: str) -> torch.Tensor | None:
        return self.weight_scale(name) if mangle(name) in self.weight_log_scale else None

    def unit(self, name: str) -> torch.Tensor:
        """(O,) or (1,): the end of the grid that a channel starts with; the parameter is a part of it."""
        return self.get_buffer(f"weight_scale/{mangle(name)}") * float(2 ** (self.reference.weights[name].bits - 1) - 1)

    @torch.no_grad()
    def weight_scale(self, name: str) -> torch.Tensor:
        """(O,) or (1,) float32: what the file will store."""
        key = mangle(name)
        return self.get_buffer(f"weight_scale/{key}") * torch.exp(self.weight_log_scale[key])

    @torch.no_grad()
    def integers(self, name: str) -> torch.Tensor:
        """(O, ...) float32 holding the integers of a layer's weight."""
        weight = self.layer(name).weight
        shaped = per_channel(self.weight_scale(name) / self.unit(name), weight)
        if mangle(name) in self.oscillation:
            weight = self._oscillation(mangle(name)).held(weight, shaped)
        top = 2 ** (self.reference.weights[name].bits - 1) - 1
        return (weight / shaped).round_().clamp_(-top, top)

    @torch.no_grad()
    def activations(self) -> dict[str, QParams]:
        """The parameters of every quantized tensor as they are now, read from the device at once."""
        moved = moves(self.log_scale, self.zero_shift)
        known, found = self.reference.activations, {}
        for tensor, p in known.items():
            log_scale, shift = moved.get(mangle(self.groups[tensor]), (0.0, 0.0))
            zero = p.zero_point + round(shift * 2**p.bits)
            found[tensor] = QParams(_float32(p.scale * math.exp(log_scale)), min(max(zero, p.low), p.high), p.bits)
        return found

    @torch.no_grad()
    def furthest_scale(self) -> tuple[str, float]:
        """The layer, or tensor, whose scale is furthest from the given one, and the ratio; NaN is furthest of all."""
        found = {n: self.weight_log_scale[mangle(n)].flatten() for n in self.trained}
        found |= {f"the tensor {name}": value.flatten() for name, value in self.log_scale.items()}
        if not found:
            return "none", 1.0
        peak = {name: torch.nan_to_num(value.abs(), nan=torch.inf).max() for name, value in found.items()}
        name = max(peak, key=lambda n: float(peak[n]))
        return name, float(torch.exp(found[name][found[name].abs().nan_to_num(nan=torch.inf).argmax()]))


def _float32(value: float) -> float:
    return float(np.float32(value))
