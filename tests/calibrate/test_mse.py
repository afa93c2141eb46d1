import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgequant.calibrate.histogram import Histogram
from edgequant.calibrate.mse import MSE, squared_error

GENERATOR = torch.Generator().manual_seed(0)
GAUSS = torch.randn(10_000, generator=GENERATOR)
LAPLACE = torch.from_numpy(np.random.default_rng(0).laplace(0.3, 1, 10_000).astype(np.float32))
RELU6 = (GAUSS * 3).clamp(0, 6)


def measured(values, low, high, bits, symmetric):
    """The mean squared error of quantizing these very values."""
    exact = values.double().numpy()
    if symmetric:
        last = 2 ** (bits - 1) - 1
        step, first = high / last, -last
    else:
        step = (high - low) / (2**bits - 1)
        first = round(low / step)
        last = first + 2**bits - 1
    return float(np.mean((np.clip(np.rint(exact / step), first, last) * step - exact) ** 2))


def histogram_of(values):
    histogram = Histogram()
    histogram.update(values)
    return histogram


@pytest.mark.parametrize("values", [GAUSS, LAPLACE, RELU6, GAUSS.abs(), -LAPLACE.abs()])
@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_error_on_the_histogram_is_that_of_the_values(values, bits, symmetric):
    low, high = float(values.min()) * 0.7, float(values.max()) * 0.8
    if symmetric:
        low, high = -max(-low, high), max(-low, high)
    estimate = squared_error(histogram_of(values), low, high, bits, symmetric)
    assert estimate == pytest.approx(measured(values, low, high, bits, symmetric), rel=0.05)


@pytest.mark.parametrize("values", [GAUSS, LAPLACE, RELU6, GAUSS.abs(), -LAPLACE.abs()])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_no_symmetric_or_one_sided_range_is_better(values, bits):
    """Against all of 200 thresholds, measured on the values themselves."""
    histogram = histogram_of(values)
    thresholds = np.linspace(0.02, 1, 200) * histogram.peak
    _, high = MSE().choose(histogram, bits, True)
    best = min(measured(values, -t, t, bits, True) for t in thresholds)
    assert measured(values, -high, high, bits, True) <= best * 1.02


@pytest.mark.parametrize("values", [LAPLACE, GAUSS * 2 + 1])
@pytest.mark.parametrize("bits", [3, 8])
def test_no_pair_of_ends_is_better(values, bits):
    histogram = histogram_of(values)
    low, high = MSE().choose(histogram, bits, False)
    ends = np.linspace(0.05, 1, 30)
    pairs = [(histogram.low * a, histogram.high * b) for a in ends for b in ends]
    best = min(squared_error(histogram, a, b, bits, False) for a, b in pairs)
    assert squared_error(histogram, low, high, bits, False) <= best * 1.01


@settings(max_examples=60)
@given(
    arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)),
    st.integers(2, 16),
    st.booleans(),
)
def test_never_worse_than_min_max(values, bits, symmetric):
    histogram = histogram_of(torch.from_numpy(values))
    if histogram.peak < 1e-20:
        return
    widest = (-histogram.peak, histogram.peak) if symmetric else (min(histogram.low, 0.0), max(histogram.high, 0.0))
    chosen = MSE().choose(histogram, bits, symmetric)
    assert squared_error(histogram, *chosen, bits, symmetric) <= squared_error(histogram, *widest, bits, symmetric)


def test_a_spike_on_the_end_of_the_range_is_kept():
    low, high = MSE().choose(histogram_of(RELU6), 8, False)
    assert (low, high) == (0.0, pytest.approx(6.0, rel=0.003))


def test_an_outlier_is_clipped_where_that_costs_less_than_the_resolution():
    values = torch.cat([GAUSS.repeat(100), torch.tensor([30.0])])
    assert MSE().choose(histogram_of(values), 4, False)[1] < 5
    assert MSE().choose(histogram_of(torch.cat([values, torch.tensor([-30.0])])), 4, False)[0] > -5


def test_an_outlier_is_kept_where_clipping_costs_more_than_all_the_rest():
    """One of 10^6 among 10,001: clipped it costs about 10^8, kept it costs the others' variance, 1."""
    values = torch.cat([GAUSS, torch.tensor([1e6])])
    _, high = MSE().choose(histogram_of(values), 8, False)
    assert high > 0.99e6
    assert measured(values, float(GAUSS.min()), float(GAUSS.max()), 8, False) > 1e6 * measured(
        values, 0, high, 8, False
    )
