import numpy as np
import pytest
import torch

from edgequant.calibrate.entropy import Entropy, best_candidate, threshold
from edgequant.calibrate.histogram import Histogram

RNG = np.random.default_rng(0)
LAPLACE = torch.from_numpy(RNG.laplace(0, 1, 100_000).astype(np.float32))


def histogram_of(values):
    histogram = Histogram()
    histogram.update(values)
    return histogram


def divergence(bins, above, keep, levels):
    """KL(P || Q) of one candidate, written as the slides have it."""
    p = bins[:keep].astype(float)
    filled = p > 0
    q = np.zeros(keep)
    for level in range(levels):
        group = slice(level * keep // levels, (level + 1) * keep // levels)
        if filled[group].any():
            q[group] = np.where(filled[group], p[group].sum() / filled[group].sum(), 0)
    p[-1] += bins[keep:].sum() + above
    if ((p > 0) & (q == 0)).any():
        return np.inf
    p, q = p / p.sum(), q / q.sum()
    return float((p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum())


@pytest.mark.parametrize("above", [0, 40])
@pytest.mark.parametrize("levels", [2, 8, 16])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_prefix_sums_give_the_candidate_of_the_slides(above, levels, sparse):
    bins = np.sort(RNG.poisson(5, 96))[::-1].astype(float) + RNG.poisson(1, 96)
    if sparse:
        bins[RNG.random(96) < 0.4] = 0
    used = int(np.flatnonzero(bins)[-1]) + 1
    kls = {keep: divergence(bins, above, keep, levels) for keep in range(levels, used + 1)}
    assert kls[best_candidate(bins, above, levels)] == pytest.approx(min(kls.values()), abs=1e-9)


def test_fewer_bins_than_levels_are_all_kept():
    assert best_candidate(np.array([3.0, 0.0, 2.0, 0.0]), 0.0, 3) == 3


def test_a_long_tail_is_clipped_and_less_at_more_bits():
    histogram = histogram_of(LAPLACE)
    at = [threshold(histogram, levels) for levels in (8, 32, 128)]
    assert 1 < at[0] < at[1] < at[2] < histogram.peak


def test_a_flat_distribution_is_not_clipped():
    values = torch.linspace(0, 0.999, 200_000)
    low, high = Entropy().choose(histogram_of(values), 8, False)
    assert (low, high) == (0.0, pytest.approx(0.999, rel=0.01))


def test_a_one_sided_tensor_spends_all_levels_on_its_side():
    histogram = histogram_of(LAPLACE.clamp(min=0))
    assert Entropy().choose(histogram, 6, False)[1] == threshold(histogram, 64)
    assert Entropy().choose(histogram, 6, True)[1] == threshold(histogram, 32)
    mirrored = histogram_of(-LAPLACE.clamp(min=0))
    assert Entropy().choose(mirrored, 6, False)[0] == -threshold(histogram, 64)


def test_two_sides_are_cut_at_what_was_seen():
    values = torch.cat([LAPLACE.clamp(min=0), torch.tensor([-0.25])])
    histogram = histogram_of(values)
    low, high = Entropy().choose(histogram, 6, False)
    assert (low, high) == (-0.25, threshold(histogram, 32))


def test_an_outlier_a_million_times_the_rest_does_not_set_the_threshold():
    """All others share one of 2,048 bins at first; halving the bins finds them."""
    values = torch.cat([LAPLACE, torch.tensor([1e6])])
    assert 0.5 < threshold(histogram_of(values), 128) / threshold(histogram_of(LAPLACE), 128) < 2


def test_a_tensor_of_few_values_is_not_clipped():
    """Its bins can be halved for ever and will not fill up."""
    values = torch.arange(17.0).repeat(100)
    assert threshold(histogram_of(values), 128) == 16.0


def test_at_16_bits_the_range_is_min_max():
    assert Entropy().choose(histogram_of(LAPLACE), 16, True)[1] == float(LAPLACE.abs().max())
