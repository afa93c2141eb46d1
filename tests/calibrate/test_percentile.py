import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgequant.calibrate.minmax import MinMax
from edgequant.calibrate.percentile import Percentile
from edgequant.core.errors import BadData, BadOption

VALUES = torch.randn(100_000, generator=torch.Generator().manual_seed(0))


def ranges(calibrator, values, symmetric=False):
    observer = calibrator.observer()
    observer.update(values)
    return observer.range(8, symmetric)


@settings(max_examples=60)
@given(arrays(np.float32, st.integers(1, 40), elements=st.floats(-(2.0**100), 2.0**100, width=32)), st.booleans())
def test_100_percent_is_min_max(values, symmetric):
    tensor = torch.from_numpy(values)
    assert ranges(Percentile(100.0), tensor, symmetric) == ranges(MinMax(), tensor, symmetric)


@pytest.mark.parametrize("q", [90.0, 99.0, 99.9])
def test_it_is_numpys_percentile_to_a_fraction_of_a_bin(q):
    cut = (100 - q) / 2
    exact = np.percentile(VALUES.numpy(), [cut, 100 - cut])
    np.testing.assert_allclose(ranges(Percentile(q), VALUES), exact, rtol=2e-3)
    magnitude = np.percentile(VALUES.abs().numpy(), q)
    np.testing.assert_allclose(ranges(Percentile(q), VALUES, symmetric=True), [-magnitude, magnitude], rtol=2e-3)


def test_an_outlier_a_million_times_the_rest_is_ignored():
    without = ranges(Percentile(99.9), VALUES)
    with_it = ranges(Percentile(99.9), torch.cat([VALUES, torch.tensor([1e6])]))
    assert without[1] < 5
    np.testing.assert_allclose(with_it, without, rtol=0.02)


def test_a_tensor_of_which_only_the_cut_values_move_is_refused():
    values = torch.zeros(100_000)
    values[0] = 3.0
    with pytest.raises(BadData, match="all zero"):
        ranges(Percentile(), values)
    assert ranges(Percentile(100.0), values) == (0.0, 3.0)


@pytest.mark.parametrize("q", [50.0, 100.1, 0.9999])
def test_a_percentage_outside_50_to_100_is_refused(q):
    with pytest.raises(BadOption, match="q is above 50"):
        Percentile(q)
