"""Intervals and tests against brute force, against scipy, and against what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from edgequant.core.errors import BadData
from edgequant.measure.statistics import mcnemar, paired_drop, wilson


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 60))
    bits = st.lists(st.booleans(), min_size=n, max_size=n)
    return np.array(draw(bits)), np.array(draw(bits))


@given(st.integers(1, 5000), st.data())
def test_wilson_is_scipys_and_holds_the_accuracy(n: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, n))
    low, high = wilson(correct, n)
    reference = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert 0 <= low <= correct / n <= high <= 1


def test_wilson_of_nothing_is_everything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@settings(max_examples=40)
@given(pairs())
def test_the_drop_is_positive_where_the_file_is_worse(pair: tuple[np.ndarray, np.ndarray]) -> None:
    base, now = pair
    drop, (low, high) = paired_drop(base, now, seed=1, draws=500)
    assert drop == pytest.approx(100 * (base.mean() - now.mean()))
    assert -100 <= low <= high <= 100
    mirrored = paired_drop(now, base, seed=1, draws=500)[0]
    assert mirrored == pytest.approx(-drop)


def test_the_multinomial_is_the_bootstrap_over_images() -> None:
    rng = np.random.default_rng(0)
    base, now = rng.random(400) < 0.9, rng.random(400) < 0.85
    rows = rng.integers(0, 400, (20_000, 400))
    slow = 100 * (base[rows].mean(axis=1) - now[rows].mean(axis=1))
    _, interval = paired_drop(base, now, seed=0, draws=20_000)
    assert interval == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=0.3)  # one image is 0.25 points


def test_equal_answers_have_no_drop_and_no_width() -> None:
    hits = np.array([True, False, True])
    assert paired_drop(hits, hits, seed=0) == (0.0, (0.0, 0.0))
    assert mcnemar(hits, hits) == 1.0


def test_the_same_seed_gives_the_same_interval() -> None:
    base, now = np.arange(100) % 9 != 0, np.arange(100) % 7 != 0
    assert paired_drop(base, now, seed=3) == paired_drop(base, now, seed=3)


@settings(max_examples=40)
@given(pairs())
def test_mcnemar_is_symmetric_and_a_probability(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p = mcnemar(*pair)
    assert 0 < p <= 1
    assert mcnemar(pair[1], pair[0]) == pytest.approx(p)


def test_mcnemar_counts_only_the_images_where_one_is_right() -> None:
    base = np.array([True] * 10 + [False] * 1 + [True] * 50)
    now = np.array([False] * 10 + [True] * 1 + [True] * 50)
    assert mcnemar(base, now) == pytest.approx(2 * (1 + 11) / 2**11)  # at most 1 of 11 heads, both tails


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((0,), (0,)), ((2, 2), (2, 2))])
def test_unpaired_answers_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    base, now = (np.ones(shape, bool) for shape in shapes)
    with pytest.raises(BadData, match="same images"):
        paired_drop(base, now, seed=0)
    with pytest.raises(BadData, match="same images"):
        mcnemar(base, now)
