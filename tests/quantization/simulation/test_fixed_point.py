from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import scalar
from edgequant.quantization.simulation.fixed_point import (
    CHUNK,
    Multiplier,
    Rescaling,
    double_rounding,
    doubled,
    once,
    quantize_multiplier,
    reduced,
    rescale,
    round_away,
    single_rounding,
)

REALS = st.floats(2.0**-24, 64.0)
Rescale = Callable[[torch.Tensor, Multiplier], torch.Tensor]


@given(REALS)
def test_a_multiplier_is_its_real_to_31_bits(real: float) -> None:
    m = quantize_multiplier(np.asarray(real))
    assert 2**30 <= int(m.q) < 2**31
    assert math.isclose(int(m.q) * 2.0 ** (int(m.shift) - 31), real, rel_tol=2**-31)


def test_a_multiplier_that_rounds_up_to_one_carries() -> None:
    m = quantize_multiplier(np.asarray(1 - 2.0**-40))
    assert (int(m.q), int(m.shift)) == (1 << 30, 1)


def test_a_multiplier_too_small_is_zero() -> None:
    m = quantize_multiplier(np.array([2.0**-40, 0.0]))
    assert m.q.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("rescale", "wanted"),
    [
        (double_rounding, lambda x, real: scalar.twice_rounded(x, real, "away")),
        (lambda x, m: doubled(m, away=False)(x), lambda x, real: scalar.twice_rounded(x, real, "up")),
        (single_rounding, scalar.once_rounded),
        (lambda x, m: once(m)(x), scalar.once_rounded),
        (lambda x, m: reduced(m)(x), scalar.reduced),
    ],
)
@given(x=st.integers(-(2**23), 2**23), real=REALS)
def test_rescaling_is_that_of_plain_integers(
    rescale: Rescale, wanted: Callable[[int, float], int], x: int, real: float
) -> None:
    found = rescale(torch.tensor([x]), quantize_multiplier(np.asarray(real)))
    assert found.tolist() == [wanted(x, real)]


@pytest.mark.parametrize("away", [True, False])
@pytest.mark.parametrize("left", [0, 15, 20])
@given(x=st.integers(-(2**9), 2**9), real=st.floats(2.0**-24, 1.0))
def test_a_shift_to_the_left_is_part_of_it(away: bool, left: int, x: int, real: float) -> None:
    m = quantize_multiplier(np.asarray(real))
    wanted = scalar.twice_rounded(x << left, real, "away" if away else "up")
    by = doubled(m, away, left)
    assert by(torch.tensor([x])).tolist() == [wanted]
    assert not by.fits_float64(2**9) or by.in_float64(torch.tensor([x])).tolist() == [wanted]
    assert once(m, min(left, 15))(torch.tensor([x])).tolist() == [scalar.once_rounded(x << min(left, 15), real)]


RESCALINGS = [
    doubled,
    lambda m: doubled(m, away=False),
    lambda m: doubled(m, torch.tensor([True])),
    reduced,
]


@pytest.mark.parametrize("make", RESCALINGS)
@given(x=st.integers(-(2**33), 2**33), real=REALS)
def test_where_float64_fits_it_gives_the_same(make: Callable[[Multiplier], Rescaling], x: int, real: float) -> None:
    by = make(quantize_multiplier(np.asarray(real)))
    if by.fits_float64(abs(x)):
        assert by.in_float64(torch.tensor([x])).tolist() == by(torch.tensor([x])).tolist()


@given(st.integers(-300, 300), st.floats(2.0**-12, 0.9))
def test_ties_are_met_exactly_in_float64(x: int, real: float) -> None:
    """Half way between two integers, and next to it: where a rounding more would show."""
    m = quantize_multiplier(np.asarray(real))
    near = round((x + 0.5) / real)
    values = torch.arange(near - 2, near + 3).double()
    for by in (doubled(m), doubled(m, away=False), reduced(m)):
        if by.fits_float64(float(values.abs().max())):
            assert by.in_float64(values).tolist() == by(values).tolist()


def test_channels_choose_where_their_ties_go() -> None:
    m = quantize_multiplier(np.array([0.25, 0.25])).shaped((1, 2, 1, 1))
    by = doubled(m, torch.tensor([False, True]).view(1, 2, 1, 1))
    assert by(torch.full((1, 2, 1, 1), -2)).flatten().tolist() == [0, -1]
    assert by.in_float64(torch.full((1, 2, 1, 1), -2.0)).flatten().tolist() == [0, -1]


@pytest.mark.parametrize("largest", [1000.0, 2.0**40])
def test_rescaling_in_chunks_keeps_the_layout(largest: float) -> None:
    x = torch.arange(-500, 500).float().repeat(CHUNK // 250).view(4, 5, -1, 10)
    x = x.contiguous(memory_format=torch.channels_last)
    by = doubled(quantize_multiplier(np.asarray(0.01)))
    found = rescale(x, by, largest, -4, 4)
    assert found.is_contiguous(memory_format=torch.channels_last) and found.dtype == torch.float32
    assert torch.equal(found.long(), by(x).clamp(-4, 4))


@given(x=st.integers(-(2**46), 2**46), real=st.floats(2.0**-30, 2.0**-10))
def test_long_sums_do_not_overflow(x: int, real: float) -> None:
    assert single_rounding(torch.tensor([x]), quantize_multiplier(np.asarray(real))).tolist() == [
        scalar.once_rounded(x, real)
    ]


def test_ties_go_away_from_zero_even_just_below_a_half() -> None:
    x = torch.tensor([0.5, -0.5, 2.5, -2.5, 0.49999997, 8388609.0])
    assert round_away(x).tolist() == [1, -1, 3, -3, 0, 8388609]
