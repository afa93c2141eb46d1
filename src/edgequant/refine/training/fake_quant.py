"""Quantize and dequantize with gradients: LSQ (Esser et al., 2020, arXiv:1902.08153) in two fused functions.

With t = x / s and bounds l <= u in centred integers (`q - zero_point`), forward and backward are

    y      = s * clamp(round(t), l, u)
    dy/dx  = 1 where l < t < u, else 0                                    (equation 5: straight through)
    dy/ds  = round(t) - t inside; l below, u above                        (equation 3)
    dy/dz  = 0 inside; -s outside, for a learned zero point               (LSQ+, arXiv:2004.09576, equation 6)

and the gradient of s is divided by sqrt(n * q_max), n the values that share it (section 2.2). What is learned is
log(s / s_0), and (z - z_0) / levels: a scale can then never become negative, and one rate suits every width and
every layer (as in arXiv:1903.08066).

A step of training is bound by memory, not by arithmetic. On a CPU each pass therefore works through a tensor in
pieces that stay in the cache, over the tensor it was given where nobody else reads that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

PIECE = 1 << 17  # values: half a megabyte of each tensor; smaller ones cost more in calls than they save


@dataclass(frozen=True)
class Grid:
    """The centred bounds of an activation tensor at one step, and its scale as a number."""

    scale: float
    low: float
    high: float
    gradient: float  # the factor of what is learned of the grid, 1 / sqrt(n * q_max)
    levels: int = 256
    low_is_fixed: bool = False  # a fused ReLU begins the range, wherever the zero point is
    high_is_fixed: bool = False  # a fused ReLU6 ends the range, whatever the scale
    in_place: bool = False  # x may be overwritten: nobody reads it, and the op that made it has not saved it


class FakeQuantize(torch.autograd.Function):
    """`FakeQuantize.apply(x, log_scale, zero_point, grid)`: one scale for the tensor; any shape, float32."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, _log_scale: torch.Tensor, zero_point: torch.Tensor | None, grid: Grid
    ) -> torch.Tensor:
        x = x if _dense(x) else x.contiguous()
        steps = x if grid.in_place else torch.empty_like(x)
        y = torch.empty_like(x)
        inverse = 1 / grid.scale
        for source, t, out in _pieces(x, steps, y):
            torch.mul(source, inverse, out=t)
            torch.round(t, out=out)
            out.clamp_(grid.low, grid.high).mul_(grid.scale)
        ctx.save_for_backward(steps, y)
        ctx.grid, ctx.learns_zero = grid, zero_point is not None
        return y

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        steps, y = ctx.saved_tensors
        grid: Grid = ctx.grid
        if gradient.stride() != y.stride():  # pieces are cut from memory, where its values must lie as those of y
            gradient = torch.empty_like(y).copy_(gradient)
        inside = torch.empty_like(y)
        learns_scale, learns_zero = ctx.needs_input_grad[1], ctx.learns_zero and ctx.needs_input_grad[2]
        scale, zero = torch.zeros((2, 1), device=y.device)
        for g, gx, t, out in _pieces(gradient, inside, steps, y):
            torch.ops.aten.hardtanh_backward.grad_input(g, t, grid.low, grid.high, grad_input=gx)
            if learns_scale:
                # Equation 3 as two dot products: y / s is round(t), l or u, and gx is zero where t is not subtracted.
                scale = scale + torch.dot(g, out) / grid.scale - torch.dot(gx, t)
                if grid.high_is_fixed:  # there y is 6 (or the grid's last value below it), whatever s is
                    scale = scale - grid.high * (g * (t >= grid.high)).sum()
            if learns_zero:  # an end of a fused activation is not the grid's own, and does not move with z
                clipped = g.sum() - gx.sum()
                clipped = clipped - (g * (t <= grid.low)).sum() if grid.low_is_fixed else clipped
                zero = zero + (clipped - (g * (t >= grid.high)).sum() if grid.high_is_fixed else clipped)
        factor = grid.scale * grid.gradient
        learned = scale.squeeze() * factor if learns_scale else None
        return inside, learned, zero.squeeze() * (-factor * grid.levels) if learns_zero else None, None


def fake_quantize(x: torch.Tensor, grid: Grid) -> torch.Tensor:
    """The same without gradients; over `x` itself where the grid allows it."""
    y = x if grid.in_place and _dense(x) else x.clone(memory_format=torch.preserve_format)
    if not _dense(y):
        return y.mul_(1 / grid.scale).round_().clamp_(grid.low, grid.high).mul_(grid.scale)
    for (piece,) in _pieces(y):
        piece.mul_(1 / grid.scale).round_().clamp_(grid.low, grid.high).mul_(grid.scale)
    return y


class FakeQuantizeWeight(torch.autograd.Function):
    """`FakeQuantizeWeight.apply(v, log_scale, unit, scale, top, damping)`: the weight `v * unit` on [-top, top].

    `v` is (O, ...) float32; `unit` and `scale`, the value of the learned `log_scale`, are (O,) or (1,). `damping` adds
    its multiple of `w - y` to the gradient of w, that of the loss `damping / 2 * |w - y|^2` (arXiv:2203.11086,
    section 4.2): weights are drawn to their grid point.
    """

    @staticmethod
    def forward(
        ctx: Any,
        v: torch.Tensor,
        _log_scale: torch.Tensor,
        unit: torch.Tensor,
        scale: torch.Tensor,
        top: int,
        damping: float,
    ) -> torch.Tensor:
        steps = v * per_channel(unit / scale, v)
        q = steps.round().clamp_(-top, top)
        ctx.save_for_backward(steps, q, unit, scale)
        ctx.top, ctx.damping = top, damping
        return q * per_channel(scale, v)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        steps, q, unit, scale = ctx.saved_tensors
        inside = torch.ops.aten.hardtanh_backward(gradient, steps, -ctx.top, ctx.top)
        learned = None
        if ctx.needs_input_grad[1]:
            factor = 1 / math.sqrt(q.numel() / len(scale) * ctx.top)  # section 2.2, for each channel's own scale
            sums = (gradient * q).sub_(inside * steps).reshape(len(scale), -1).sum(1)
            learned = sums.mul_(scale).mul_(factor)
        if ctx.damping:
            away = (steps - q).mul_(per_channel(scale, q))
            inside = inside.add(torch.where(steps.abs() <= ctx.top, away, 0.0), alpha=ctx.damping)
        return inside * per_channel(unit, q), learned, None, None, None, None


class RoundBias(torch.autograd.Function):
    """`RoundBias.apply(bias, unit)`: `(O,)` on the grid of `unit` (O,) or (1,), gradients straight through."""

    @staticmethod
    def forward(_: Any, bias: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return torch.round(bias / unit).mul_(unit)

    @staticmethod
    def backward(_: Any, gradient: torch.Tensor) -> Any:
        return gradient, None


def per_channel(scale: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(O,) or (1,) scales in a shape that broadcasts over `(O, ...)`."""
    return scale.view(-1, *[1] * (weight.dim() - 1))


def _dense(x: torch.Tensor) -> bool:
    return x.is_contiguous() or (x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last))


def _pieces(*tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """The same pieces of dense tensors of one layout, flat. A GPU takes each whole."""
    flat = [_flat(x) for x in tensors]
    size = PIECE if tensors[0].device.type == "cpu" else max(1, flat[0].numel())
    return zip(*(torch.split(x, size) for x in flat))


def _flat(x: torch.Tensor) -> torch.Tensor:
    return x.view(-1) if x.is_contiguous() else x.permute(0, 2, 3, 1).view(-1)
