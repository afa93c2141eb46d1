"""What of a reference is trained: read from the reference and the op table, and nowhere else."""

from __future__ import annotations

import math

import torch
from torch import nn

from ...core.errors import Diverged
from ...core.grid import QParams
from ...graph.ops.table import OPS
from ...graph.program import Step
from ...quantization.reference import Reference
from ...quantization.simulation.arithmetic import limits
from ...recipe.resolve import sharing
from .fake_quant import Grid, per_channel

# Ops of which autograd keeps the inputs at most, not the result.
OVERWRITTEN = frozenset(kind for kind, row in OPS.items() if row.overwritten)
FARTHEST = 10.0  # a scale that is e^10 times the calibrated one, or NaN, is past mending
CELL = 0.45  # of a step: how far from its integer a weight starts that was rounded the other way
TIE = 0.499  # one that was rounded to the nearest: a tie would fall to either side by an error of float32


def trained_weights(reference: Reference) -> tuple[str, ...]:
    """The layers whose integers the file computes with; the others keep the weights of the float network."""
    static = reference.kind == "static"
    steps = [s for s in reference.captured.program.layers if s.layer in reference.weights]
    return tuple(dict.fromkeys(s.layer for s in steps if not static or reference.runs_in_integers(s)))


def learned_groups(reference: Reference) -> tuple[str, ...]:
    """The groups of tensors whose scale is free: not the input's, which pixels give, nor one that an op prescribes."""
    program = reference.captured.program
    groups = sharing(program)
    given = {groups[program.input], *(groups[s.name] for s in program.steps if OPS[s.kind].fixed)}
    return tuple(dict.fromkeys(g for t, g in groups.items() if t in reference.activations and g not in given))


def has_free_zero_point(reference: Reference, group: str) -> bool:
    """Whether its grid reaches below zero and is not symmetric; a grid of more than 8 bits always is."""
    p = reference.activations[group]
    return p.zero_point not in (0, p.low) and p.bits <= 8


def into_cells(weight: torch.Tensor, q: torch.Tensor, scale: torch.Tensor, bits: int) -> torch.Tensor:
    """The values nearest to `weight` (O, ...) that round to `q`: who rounded them may not have taken the nearest.

    Beyond the grid's ends everything rounds to the end, so a clipped weight stays where it is.
    """
    centre, shaped = q.float(), per_channel(scale, weight)
    steps, top = weight / shaped, 2 ** (bits - 1) - 1
    reach = torch.where(steps.round().clamp(-top, top) == centre, TIE, CELL)
    low = torch.where(centre == -top, -torch.inf, centre - reach)
    high = torch.where(centre == top, torch.inf, centre + reach)
    return torch.minimum(torch.maximum(steps, low), high) * shaped


def grid_of(step: Step, out: QParams, in_place: bool) -> Grid:
    """The bounds that the kernels keep to, those of a fused activation included."""
    low, high = limits(step, out)
    rate = 1 / math.sqrt(math.prod(step.shape) * max(abs(low), abs(high), 1.0))
    starts, ends = low > out.low - out.zero_point, high < out.high - out.zero_point
    return Grid(out.scale, low, high, rate, 2**out.bits, starts, ends, in_place)


def learned_at(value: torch.Tensor, rate: float) -> nn.Parameter:
    """A parameter whose learning rate is `rate` times that of the weights."""
    parameter = nn.Parameter(value)
    at_rate(parameter, rate)
    return parameter


def at_rate(parameter: torch.Tensor, rate: float) -> None:
    parameter.lr_factor = rate  # type: ignore[attr-defined]


def moves(log_scale: nn.ParameterDict, zero_shift: nn.ParameterDict) -> dict[str, tuple[float, float]]:
    """Group -> logarithm of its scale's ratio to the given one, and the shift of its zero point in grids.

    Read from the device at once. Raises Diverged where one has left every bound.
    """
    if not len(log_scale):
        return {}
    scales = torch.stack([p.detach() for p in log_scale.values()])
    shifts = [zero_shift[k].detach() if k in zero_shift else scales.new_zeros(()) for k in log_scale]
    values = torch.stack([scales, torch.stack(shifts)]).tolist()
    if not all(abs(value) < FARTHEST for row in values for value in row):
        raise Diverged(f"A scale or a zero point moved further than {FARTHEST:g}, in logarithms and in grids.")
    return {name: (a, b) for name, a, b in zip(log_scale, *values)}
