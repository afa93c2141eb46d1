from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scalar
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgequant.quantization.integer.fixed_point import (
    Multiplier,
    double_rounding,
    quantize_multiplier,
    reduced_multiplier,
    round_away,
    ruy_rounding,
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
        (ruy_rounding, lambda x, real: scalar.twice_rounded(x, real, "up")),
        (single_rounding, scalar.once_rounded),
        (reduced_multiplier, scalar.reduced),
    ],
)
@given(x=st.integers(-(2**23), 2**23), real=REALS)
def test_rescaling_is_that_of_plain_integers(
    rescale: Rescale, wanted: Callable[[int, float], int], x: int, real: float
) -> None:
    found = rescale(torch.tensor([x]), quantize_multiplier(np.asarray(real)))
    assert found.tolist() == [wanted(x, real)]


@given(x=st.integers(-(2**46), 2**46), real=st.floats(2.0**-30, 2.0**-10))
def test_long_sums_do_not_overflow(x: int, real: float) -> None:
    assert single_rounding(torch.tensor([x]), quantize_multiplier(np.asarray(real))).tolist() == [
        scalar.once_rounded(x, real)
    ]


def test_ties_go_away_from_zero_even_just_below_a_half() -> None:
    x = torch.tensor([0.5, -0.5, 2.5, -2.5, 0.49999997, 8388609.0])
    assert round_away(x).tolist() == [1, -1, 3, -3, 0, 8388609]
