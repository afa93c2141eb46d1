from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.core.image import InputSpec
from edgequant.data.calibration.statistics import split_statistics
from edgequant.data.calibration.two_sample import ALPHA, Comparison, binomial_tail, compare, matched
from edgequant.data.classes.digits import Digits
from edgequant.data.draw import calibration_subset
from edgequant.data.splits import Subset

DRAWS = 150


def test_three_hundred_healthy_subsets_stay_silent() -> None:
    """Class-balanced and plain random draws of the digits against validation: the figure that the playbook states."""
    splits = Digits().load(InputSpec(1, 8, 8))
    train, held = splits.train, splits.validation
    of_train, of_held = split_statistics(train), split_statistics(held)
    rng, found = np.random.default_rng(0), []
    for seed in range(DRAWS):
        for where in (calibration_subset(train, 300, seed).positions, rng.permutation(len(train))[:300]):
            assert train.labels is not None and held.labels is not None
            kept = matched(train.labels[where], held.labels, np.arange(len(held)))
            here = {name: values[where] for name, values in of_train.items()}
            found.append(compare(here, {name: values[kept] for name, values in of_held.items()}).p)
    assert len(found) == 2 * DRAWS and min(found) > ALPHA


def test_a_shifted_feature_is_named_with_both_medians() -> None:
    rng = np.random.default_rng(0)
    here = {"a": rng.normal(0, 1, 300), "b": rng.normal(2, 1, 300)}
    there = {"a": rng.normal(0, 1, 500), "b": rng.normal(0, 1, 500)}
    found = compare(here, there)
    assert not found.same and found.feature == "b" and found.here == pytest.approx(2, abs=0.2)
    assert found.seen.startswith("b: median ") and "in the reference; p = " in found.seen
    assert compare(there, there) == Comparison("a", *[float(np.median(there["a"]))] * 2, 1.0)
    assert "no difference found (p = 1)" in compare(there, there).seen


def test_matching_takes_the_classes_in_the_proportions_of_the_set() -> None:
    reference = np.repeat([0, 1, 2], [100, 50, 10])
    everything = np.arange(len(reference))
    kept = matched(np.repeat([0, 1], [10, 20]), reference, everything)
    assert np.bincount(reference[kept]).tolist() == [25, 50]
    assert np.array_equal(matched(np.array([0, 3]), reference, everything), everything), "class 3 is not there"
    assert np.array_equal(matched(None, reference, everything), everything)
    assert np.array_equal(matched(np.array([0]), None, everything), everything)
    assert np.array_equal(matched(np.array([], np.int64), reference, everything), everything)


@settings(max_examples=50)
@given(n=st.integers(1, 40), share=st.floats(0.01, 0.99), count=st.integers(0, 40))
def test_the_binomial_tail_is_the_sum_of_its_terms(n: int, share: float, count: int) -> None:
    from math import comb

    terms = [comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(min(count, n + 1), n + 1)]
    assert binomial_tail(count, n, share) == pytest.approx(sum(terms), rel=1e-6, abs=1e-12)


def test_a_subset_is_read_like_its_parent() -> None:
    train = Digits().load(InputSpec(1, 8, 8)).train
    where = np.array([3, 5, 8])
    one, other = split_statistics(Subset(train, where)), split_statistics(train, where)
    assert all(np.array_equal(one[name], other[name]) for name in one)
