"""What every calibrator must do, whatever its rule."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgequant import catalog
from edgequant.calibrate.histogram import Histogram, HistogramCalibrator
from edgequant.calibrate.minmax import MinMax
from edgequant.calibrate.percentile import Percentile
from edgequant.core.errors import BadData, BadOption

CALIBRATORS = [catalog.CALIBRATORS.build(name) for name in catalog.CALIBRATORS]
HISTOGRAMS = [one for one in CALIBRATORS if isinstance(one, HistogramCalibrator)]
every = pytest.mark.parametrize("calibrator", CALIBRATORS, ids=lambda c: type(c).__name__)
from_histogram = pytest.mark.parametrize("calibrator", HISTOGRAMS, ids=lambda c: type(c).__name__)
values_of = arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32)).map(torch.from_numpy)


def shown(calibrator, *batches):
    observer = calibrator.observer()
    for batch in batches:
        observer.update(batch)
    return observer


def gauss(n=20_000, seed=0):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed))


@every
@settings(max_examples=40)
@given(values_of, st.integers(2, 16), st.booleans())
def test_the_range_holds_zero_and_stays_within_what_was_seen(calibrator, values, bits, symmetric):
    observer = shown(calibrator, values)
    try:
        low, high = observer.range(bits, symmetric)
    except BadData:  # percentile alone refuses where only the values it cuts are not zero
        assert isinstance(calibrator, Percentile)
        return
    assert low <= 0 <= high
    assert high - low > 0
    assert not symmetric or low == -high
    if not observer.dead:
        smallest, largest = float(values.min()), float(values.max())
        peak = max(-smallest, largest)
        assert low >= (-peak if symmetric else min(smallest, 0.0))
        assert high <= (peak if symmetric else max(largest, 0.0))


@every
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_tensor_that_is_always_zero_gets_a_harmless_range_and_says_so(calibrator, symmetric):
    observer = shown(calibrator, torch.zeros(10), torch.zeros(10))
    assert observer.dead
    assert observer.range(8, symmetric) == (-1.0 if symmetric else 0.0, 1.0)


@every
def test_a_constant_tensor_is_not_dead(calibrator):
    observer = shown(calibrator, torch.full((100,), 5.0))
    assert not observer.dead
    low, high = observer.range(8, False)
    assert low == 0
    assert high == pytest.approx(5.0, rel=1e-3)


@every
def test_one_sided_tensors_keep_zero_as_their_other_end(calibrator):
    assert shown(calibrator, gauss().abs() + 1).range(8, False)[0] == 0.0
    assert shown(calibrator, -gauss().abs() - 1).range(8, False)[1] == 0.0


@every
def test_an_observer_that_saw_nothing_has_no_range(calibrator):
    observer = shown(calibrator, torch.zeros(0))
    assert not observer.dead
    with pytest.raises(BadData, match="saw no value"):
        observer.range(8, False)


@every
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_value_that_is_not_finite_is_refused_and_leaves_no_trace(calibrator, bad):
    observer = shown(calibrator, torch.ones(3))
    with pytest.raises(BadData, match=r"among 4 in one tensor"):
        observer.update(torch.tensor([1.0, bad, 2.0, 0.0]))
    assert observer.range(8, False) == shown(calibrator, torch.ones(3)).range(8, False)


@every
@pytest.mark.parametrize("bits", [1, 17])
def test_bits_outside_2_to_16_are_refused(calibrator, bits):
    with pytest.raises(BadOption, match=f"Got {bits}"):
        shown(calibrator, torch.ones(3)).range(bits, False)


@every
def test_state_has_a_constant_size_and_restores_the_range(calibrator):
    observer = shown(calibrator, gauss(256))
    before = {key: value.numel() for key, value in observer.state().items()}
    for _ in range(1000):
        observer.update(gauss(256))
    assert {key: value.numel() for key, value in observer.state().items()} == before
    restored = calibrator.restore(observer.state())
    assert restored.range(8, False) == observer.range(8, False)
    assert restored.range(4, True) == observer.range(4, True)
    assert restored.dead == observer.dead


@from_histogram
@settings(max_examples=15)
@given(st.lists(values_of, min_size=2, max_size=4))
def test_the_order_of_batches_does_not_matter(calibrator, batches):
    whole = Histogram()
    whole.update(torch.cat(batches))
    reversed_ = shown(calibrator, *batches[::-1])
    assert np.array_equal(reversed_.histogram.counts, whole.counts)
    if isinstance(calibrator, Percentile):
        calibrator = Percentile(100.0)  # the one that never refuses
    assert calibrator.observer(reversed_.histogram).range(8, False) == calibrator.observer(whole).range(8, False)


def test_one_histogram_serves_every_rule_and_min_max():
    shared = Histogram()
    observers = [c.observer(shared) for c in HISTOGRAMS]
    observers[0].update(gauss())
    for calibrator, observer in zip(HISTOGRAMS, observers):
        assert observer.range(8, False) == shown(calibrator, gauss()).range(8, False)
    assert MinMax().restore(shared.state()).range(8, False) == shown(MinMax(), gauss()).range(8, False)
