"""Both fused functions against the same thing written with autograd, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.refine.training import fake_quant
from edgequant.refine.training.fake_quant import FakeQuantize, FakeQuantizeWeight, Grid, RoundBias, fake_quantize


def straight(x: torch.Tensor) -> torch.Tensor:
    """round(x), with the gradient of x."""
    return x + (x.round() - x).detach()


def reference(
    x: torch.Tensor, log_scale: torch.Tensor, shift: torch.Tensor, grid: Grid, low_grid: float, high_grid: float
) -> torch.Tensor:
    """`x` on the grid: clipped at the grid's ends, which move with scale and zero point, then at fixed ones."""
    scale = grid.scale * torch.exp(log_scale)
    zero = shift * grid.levels  # the distance by which both ends move down, in steps
    y = straight(torch.minimum(torch.maximum(x / scale, low_grid - zero), high_grid - zero)) * scale
    if grid.low_is_fixed:
        y = torch.where(x / grid.scale <= grid.low, grid.low * grid.scale, y)
    return torch.where(x / grid.scale >= grid.high, grid.high * grid.scale, y) if grid.high_is_fixed else y


def gradients(x: torch.Tensor, g: torch.Tensor, grid: Grid) -> tuple[torch.Tensor, ...]:
    x = x.clone().requires_grad_()
    p, z = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
    y = FakeQuantize.apply(x * 1.0, p, z, grid)
    y.backward(g)
    return y.detach(), x.grad, p.grad, z.grad  # type: ignore[return-value]


def expected(x: torch.Tensor, g: torch.Tensor, grid: Grid) -> tuple[torch.Tensor, ...]:
    x = x.double().requires_grad_()
    p = torch.zeros((), dtype=torch.float64, requires_grad=True)
    z = torch.zeros((), dtype=torch.float64, requires_grad=True)
    low = -1000.0 if grid.low_is_fixed else grid.low
    high = 1000.0 if grid.high_is_fixed else grid.high
    y = reference(x, p, z, grid, low, high)
    y.backward(g.double())
    return y.detach(), x.grad, p.grad * grid.gradient, z.grad * grid.gradient  # type: ignore[operator, return-value]


def agree(x: torch.Tensor, g: torch.Tensor, grid: Grid) -> None:
    got, want = gradients(x, g, grid), expected(x, g, grid)
    for name, a, b, tolerance in zip(("y", "x", "scale", "zero"), got, want, (1e-6, 1e-6, 1e-3, 1e-3)):
        size = float(g.abs().sum()) * grid.gradient * grid.scale * 8 if name in ("scale", "zero") else 1.0
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=tolerance * max(size, 1e-9), msg=name)


GRIDS = {
    "both ends learned": Grid(0.11, -5, 10, 0.05, 16),
    "relu": Grid(0.11, 0, 15, 0.05, 16),
    "relu on a grid below zero": Grid(0.11, 0, 10, 0.05, 16, low_is_fixed=True),
    "relu6": Grid(0.11, 0, 9, 0.05, 16, high_is_fixed=True),
    "both ends fixed": Grid(0.11, 0, 9, 0.05, 16, low_is_fixed=True, high_is_fixed=True),
}


@pytest.mark.parametrize("name", GRIDS)
def test_it_is_what_autograd_computes_in_float64(name: str) -> None:
    torch.manual_seed(0)
    agree(torch.randn(3, 4, 5, 6), torch.randn(3, 4, 5, 6), GRIDS[name])


@settings(max_examples=40)
@given(
    scale=st.floats(1e-4, 10), low=st.integers(-200, 0), width=st.integers(1, 255), seed=st.integers(0, 10_000),
    spread=st.floats(0.1, 3),
)  # fmt: skip
def test_any_grid(scale: float, low: int, width: int, seed: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(200, generator=generator) * spread * scale * width
    agree(x, torch.randn(200, generator=generator), Grid(scale, low, low + width, 0.1, 256))


@pytest.mark.parametrize("layout", ["contiguous", "channels last", "strided", "one pixel", "vector"])
@pytest.mark.parametrize("in_place", [False, True])
def test_any_layout_in_pieces_or_whole(layout: str, in_place: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    x, g = torch.randn(2, 6, 5, 7), torch.randn(2, 6, 5, 7)
    if layout == "channels last":
        x = x.contiguous(memory_format=torch.channels_last)
    elif layout == "strided":
        x = x[:, ::2]
        g = g[:, ::2]
    elif layout == "one pixel":
        x, g = x[..., :1, :1].contiguous(memory_format=torch.channels_last), g[..., :1, :1]
    elif layout == "vector":
        x, g = x[:, :, 0, 0], g[:, :, 0, 0]
    grid = Grid(0.11, -5, 10, 0.05, 16, in_place=in_place)
    whole = gradients(x, g, grid)
    monkeypatch.setattr(fake_quant, "PIECE", 7)
    for a, b in zip(whole, gradients(x, g, grid)):
        torch.testing.assert_close(a, b)
    agree(x, g, grid)
    with torch.no_grad():
        torch.testing.assert_close(fake_quantize(x.clone(), grid), whole[0], rtol=0, atol=0)


def test_only_what_may_be_overwritten_is() -> None:
    x = torch.randn(50)
    kept = x.clone()
    for grid in (Grid(0.1, -8, 7, 1.0), Grid(0.1, -8, 7, 1.0, in_place=True)):
        fake_quantize(x, grid)
        assert torch.equal(x, kept) != grid.in_place


def test_what_is_not_learned_has_no_gradient() -> None:
    x, p = torch.randn(9, requires_grad=True), torch.zeros(())
    FakeQuantize.apply(x * 1.0, p, None, Grid(0.1, -8, 7, 1.0)).sum().backward()
    assert x.grad is not None and p.grad is None


@pytest.mark.parametrize("per_tensor", [False, True])
@pytest.mark.parametrize("damping", [0.0, 0.7])
def test_weights_are_what_autograd_computes_in_float64(per_tensor: bool, damping: float) -> None:
    torch.manual_seed(0)
    v, g, top = torch.randn(4, 3, 3, 3), torch.randn(4, 3, 3, 3), 7
    unit = torch.tensor([0.9]) if per_tensor else torch.tensor([0.5, 1.0, 2.0, 0.1])
    scale, count = unit / 5, v.numel() / len(unit)
    p = torch.zeros_like(unit, requires_grad=True)
    w = v.clone().requires_grad_()
    y = FakeQuantizeWeight.apply(w, p, unit, scale, top, damping)
    y.backward(g)

    d, q = v.double().requires_grad_(), torch.zeros(len(unit), dtype=torch.float64, requires_grad=True)
    s = (scale.double() * torch.exp(q)).view(-1, 1, 1, 1)
    real = d * unit.double().view(-1, 1, 1, 1)
    want = straight(torch.clamp(real / s, -top, top)) * s
    inside = (real.abs() <= top * s).detach()
    loss = (want * g.double()).sum() + damping / 2 * ((real - want.detach()).square() * inside).sum()
    loss.backward()
    torch.testing.assert_close(y.double(), want.detach(), rtol=0, atol=1e-6)
    torch.testing.assert_close(w.grad.double(), d.grad, rtol=1e-5, atol=1e-6)  # type: ignore[union-attr]
    torch.testing.assert_close(p.grad.double(), q.grad / math.sqrt(count * top), rtol=1e-4, atol=1e-5)  # type: ignore[union-attr, operator]


def test_a_bias_is_rounded_to_its_unit_and_learned_straight_through() -> None:
    bias = torch.tensor([0.26, -0.24, 1.0], requires_grad=True)
    y = RoundBias.apply(bias, torch.tensor([0.5, 0.5, 0.3]))
    y.backward(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(y.detach(), torch.tensor([0.5, 0.0, 0.9]))
    assert bias.grad is not None and bias.grad.tolist() == [1.0, 2.0, 3.0]
