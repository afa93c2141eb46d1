import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgequant.calibrate.histogram import OCTAVES, PER_OCTAVE, SIDE, Histogram
from edgequant.core.errors import BadData, BadFile

floats = st.floats(width=32, allow_nan=False, allow_infinity=False)
tensors = arrays(np.float32, st.integers(1, 40), elements=floats).map(torch.from_numpy)


def seen(*batches: torch.Tensor) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        histogram.update(batch)
    return histogram


def same(a: Histogram, b: Histogram) -> bool:
    extremes = (a.low, a.high, a.count, a.top) == (b.low, b.high, b.count, b.top)
    return extremes and np.array_equal(a.counts, b.counts)


@settings(max_examples=60)
@given(st.lists(tensors, min_size=1, max_size=5), st.randoms())
def test_neither_the_order_of_batches_nor_their_cuts_matter(batches, random):
    whole = seen(torch.cat(batches))
    shuffled = random.sample(batches, len(batches))
    assert same(seen(*batches), whole)
    assert same(seen(*shuffled), whole)
    assert same(seen(*(part for batch in shuffled for part in batch.split(3))), whole)


@settings(max_examples=60)
@given(tensors, st.sampled_from([1, 16, PER_OCTAVE]))
def test_every_value_is_in_its_cell(values, merge):
    cells = seen(values).cells(merge)
    exact = values.double().numpy()
    at = np.searchsorted(cells.edges, exact, side="right") - 1
    mirrored = np.searchsorted(cells.edges, exact, side="left") - 1  # below zero a cell holds its lower edge's mirror
    at = np.where(exact < 0, mirrored, at)
    at[np.abs(exact) < cells.edges[cells.zero + 1]] = cells.zero
    np.testing.assert_array_equal(np.bincount(at, minlength=len(cells.counts)), cells.counts)


def test_folding_the_signs_gives_the_histogram_of_the_magnitudes():
    values = torch.randn(5000, generator=torch.Generator().manual_seed(0))
    folded, direct = seen(values).cells(8, magnitudes=True), seen(values.abs()).cells(8)
    np.testing.assert_array_equal(folded.edges, direct.edges)
    np.testing.assert_array_equal(folded.counts, direct.counts)


def test_the_window_is_32_octaves_below_the_peak_and_the_rest_counts_as_zero():
    histogram = seen(torch.tensor([1.0, 2.0**-10]))
    assert histogram.cells().counts[histogram.cells().zero] == 0
    histogram.update(torch.tensor([2.0**22]))
    assert histogram.cells().counts[0] == 1  # 2^-10 fell off; 1 did not
    assert (histogram.counts > 0).sum() == 2
    assert OCTAVES == 32


@pytest.mark.parametrize("jump", [2.0**31, 2.0**40, 3e38])
def test_a_jump_over_the_whole_window_leaves_only_the_new_value(jump):
    histogram = seen(torch.tensor([-1.0]), torch.tensor([jump]))
    assert same(histogram, seen(torch.tensor([jump, -1.0])))
    assert (histogram.low, histogram.count) == (-1.0, 2)


@pytest.mark.parametrize("values", [[0.0], [-0.0], [1e-45, -1e-45], [0.0, 1e-39]])
def test_zeros_and_subnormals_are_in_the_zero_bin(values):
    histogram = seen(torch.tensor(values))
    assert histogram.counts.sum() == 0
    assert histogram.cells().counts.tolist() == [len(values)]


def test_linear_bins_are_those_of_a_plain_histogram():
    values = torch.randn(20_000, generator=torch.Generator().manual_seed(1)) * 3
    histogram = seen(values)
    for halved in (0, 3):
        bins, width, above = histogram.linear(halved)
        limit = 16.0 / 2**halved
        assert width == limit / 2048
        plain = np.bincount(np.minimum(values.double().abs().numpy() / width, 2048).astype(int), minlength=2049)
        np.testing.assert_array_equal(bins, plain[:2048])
        assert above == plain[2048]


def test_a_channels_last_and_a_half_precision_tensor_count_the_same():
    values = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(2)).half()
    expected = seen(values.float().flatten())
    assert same(seen(values.to(memory_format=torch.channels_last)), expected)
    assert same(seen(values.float()[:, :, ::2], values.float()[:, :, 1::2]), expected)


def test_a_tensor_longer_than_one_chunk_is_counted_whole():
    values = torch.linspace(-1, 2, 2**18 + 7)
    assert seen(values).cells().counts.sum() == len(values)
    assert same(seen(values), seen(*values.split(1000)))


def test_an_empty_batch_is_nothing_seen():
    assert same(seen(torch.zeros(0, 3)), Histogram())


def test_update_does_not_change_what_it_is_shown():
    values = torch.tensor([-1.0, 0.0, 2.0])
    seen(values)
    assert values.tolist() == [-1.0, 0.0, 2.0]


def test_inference_mode_leaves_no_mark():
    with torch.inference_mode():
        histogram = seen(torch.tensor([1.0]), torch.tensor([50.0]))
    histogram.update(torch.tensor([-2.0]))
    assert same(histogram, seen(torch.tensor([1.0, 50.0, -2.0])))


def test_values_that_are_not_finite_are_counted_in_the_error():
    values = torch.tensor([1.0, torch.nan, torch.inf, -torch.inf, torch.nan])
    with pytest.raises(BadData, match="2 NaN and 2 infinite values among 5"):
        seen(values)


def test_memory_does_not_grow():
    generator = torch.Generator().manual_seed(3)
    histogram = seen(torch.randn(64, generator=generator))
    for _ in range(1000):
        histogram.update(torch.randn(64, generator=generator) * 100)
    assert histogram.counts.shape == (2, SIDE)
    assert histogram.count == 64 * 1001
    assert histogram.cells().counts.sum() == histogram.count


@settings(max_examples=30)
@given(tensors)
def test_the_state_restores_the_histogram(values):
    assert same(Histogram.restore(seen(values).state()), seen(values))


def test_the_state_of_something_else_is_refused():
    state = {key: value for key, value in seen(torch.ones(2)).state().items() if key != "where"}
    with pytest.raises(BadFile, match="no histogram"):
        Histogram.restore(state)
