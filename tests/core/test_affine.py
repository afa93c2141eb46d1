"""What must hold of the grids, whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from edgequant.core.errors import Unsupported
from edgequant.core.grid import (
    SMALLEST_SCALE,
    QParams,
    bias_scale,
    choose_qparams,
    fake_quantize,
    quantize,
    quantize_bias,
    quantize_weight,
)

BOUNDS = st.floats(-1e4, 1e4, width=32)
BITS = st.integers(2, 16)


@st.composite
def grids(draw: st.DrawFn) -> tuple[QParams, float, float]:
    low, high = sorted((draw(BOUNDS), draw(BOUNDS)))
    assume(high - low > 1e-3)
    bits = draw(BITS)
    symmetric = bits > 8 or draw(st.booleans())
    return choose_qparams(low, high, bits, symmetric), min(low, 0.0), max(high, 0.0)


@given(grids(), st.floats(0, 1))
def test_what_is_in_range_comes_back_within_half_a_step(grid: tuple[QParams, float, float], where: float) -> None:
    p, low, high = grid
    x = torch.tensor([low + where * (high - low)])
    error = float((fake_quantize(x, p) - x).abs())
    # the zero point is a rounded number, so the grid may miss an end of the range by another half step
    assert error <= p.scale * (1.0 if where in (0, 1) or near_an_end(p, x) else 0.5) * (1 + 1e-4) + 1e-4 * abs(float(x))


def near_an_end(p: QParams, x: torch.Tensor) -> bool:
    return float(quantize(x, p)) in (p.low, p.high)


@given(grids())
def test_zero_is_exact(grid: tuple[QParams, float, float]) -> None:
    p, _, _ = grid
    q = quantize(torch.zeros(1), p)
    assert p.low <= p.zero_point <= p.high
    assert q.item() == p.zero_point and fake_quantize(torch.zeros(1), p).item() == 0.0


@pytest.mark.parametrize(("bits", "zero_point"), [(8, 3), (4, -2), (16, 0)])
def test_fake_quantizing_is_quantizing_and_back(bits: int, zero_point: int) -> None:
    p, x = QParams(0.037, zero_point, bits), torch.linspace(-9, 9, 1001)
    assert torch.equal(fake_quantize(x, p), (quantize(x, p) - p.zero_point) * p.scale)
    assert x[0] == -9.0, "x itself stays"


@given(grids(), st.lists(BOUNDS, min_size=2, max_size=20))
def test_quantization_is_monotone_and_stays_on_the_grid(
    grid: tuple[QParams, float, float], values: list[float]
) -> None:
    p, _, _ = grid
    q = quantize(torch.tensor(sorted(values)), p)
    assert bool((q.diff() >= 0).all())
    assert bool((q >= p.low).all() and (q <= p.high).all() and (q == q.round()).all())


@given(BOUNDS, BOUNDS, BITS)
def test_symmetric_grids_have_their_zero_in_the_middle(a: float, b: float, bits: int) -> None:
    p = choose_qparams(min(a, b), max(a, b), bits, symmetric=True)
    assert p.zero_point == 0
    assert p.scale == float(np.float32(max(abs(a), abs(b)) / (2 ** (bits - 1) - 1))) or p.scale == SMALLEST_SCALE


@given(grids())
def test_a_scale_is_a_float32(grid: tuple[QParams, float, float]) -> None:
    assert float(np.float32(grid[0].scale)) == grid[0].scale > 0


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_tensor_that_never_moves_has_a_grid(symmetric: bool) -> None:
    p = choose_qparams(0.0, 0.0, 8, symmetric)
    assert p.scale == SMALLEST_SCALE and fake_quantize(torch.zeros(3), p).tolist() == [0.0] * 3


@given(st.integers(0, 1000), st.integers(2, 8))
def test_per_channel_is_each_channel_by_itself(seed: int, bits: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(5, 3, 2, 2, generator=generator)
    scale = torch.rand(5, generator=generator) * 0.1 + 1e-3
    whole = quantize_weight(weight, scale, bits)
    slices = [quantize_weight(weight[c : c + 1], scale[c : c + 1], bits) for c in range(5)]
    assert torch.equal(whole, torch.cat(slices))
    assert whole.dtype == torch.int8 and int(whole.abs().max()) <= 2 ** (bits - 1) - 1


def test_one_scale_for_all_channels_is_repeated() -> None:
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    one = torch.tensor([0.02])
    assert torch.equal(quantize_weight(weight, one, 8), quantize_weight(weight, one.repeat(4), 8))


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8), st.floats(2.0**-10, 1.0, width=32))
def test_a_bias_is_within_half_a_step_of_its_accumulator(bias: list[float], input_scale: float) -> None:
    scales = torch.linspace(0.01, 0.1, len(bias))
    q = quantize_bias(torch.tensor(bias), input_scale, scales)
    step = bias_scale(input_scale, scales).double()
    error = (q.double() * step - torch.tensor(bias).double()).abs()
    assert bool((error <= step * 0.5 + torch.tensor(bias).double().abs() * 1e-6).all())


@pytest.mark.parametrize(("bits", "fits"), [(32, 2.0**31 - 2), (64, 2.0**40)])
def test_a_bias_that_does_not_fit_is_refused(bits: int, fits: float) -> None:
    one = torch.ones(1)
    assert quantize_bias(torch.tensor([fits], dtype=torch.float64), 1.0, one, bits).tolist() == [int(fits)]
    with pytest.raises(Unsupported, match=rf"bias needs \d+ bits on its grid and has {bits}"):
        quantize_bias(torch.tensor([2.0**bits], dtype=torch.float64), 1.0, one, bits)
