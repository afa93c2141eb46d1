"""Intervals and tests against brute force, against scipy, and against what must always hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from edgequant.core.errors import BadData
from edgequant.tasks.statistics import Z95, beats, mcnemar, paired_drop, paired_limits, wilson


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


@pytest.mark.parametrize(("correct", "n", "level"), [(12, 100, 0.1), (0, 9, 0.5), (9, 9, 0.5), (150, 1000, 0.1)])
def test_beating_chance_is_the_binomial_tail(correct: int, n: int, level: float) -> None:
    from scipy.stats import binom

    assert beats(correct, n, level) == pytest.approx(float(binom.sf(correct - 1, n, level)))
    assert beats(0, 0, level) == 1.0 == beats(5, 5, 1.0)


def test_no_answer_changed_says_more_of_more_images() -> None:
    """Tango (1998): z squared over n plus z squared; the bootstrap says 0 to 0 however few there are."""
    for n in (10, 100, 10_000):
        same = np.ones(n, bool)
        low, high = paired_limits(same, same)
        assert high == pytest.approx(100 * Z95**2 / (n + Z95**2), abs=1e-6) and low == pytest.approx(-high)
        assert paired_drop(same, same, 0)[1] == (0.0, 0.0)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 120))
def test_the_paired_interval_is_where_the_score_test_rejects(lost: int, won: int, same: int) -> None:
    """At its ends the likelihood, maximised numerically under the hypothesis, gives a statistic of 1.96."""
    n = lost + won + same
    before = np.array([1] * lost + [0] * won + [1] * same, bool)
    after = np.array([0] * lost + [1] * won + [1] * same, bool)
    low, high = paired_limits(before, after)
    assert low <= 100 * (lost - won) / n <= high
    swapped = paired_limits(after, before)
    assert swapped[0] == pytest.approx(-high, abs=1e-6) and swapped[1] == pytest.approx(-low, abs=1e-6)
    for delta in (low / 100, high / 100):
        won_share = np.linspace(max(0, -delta) + 1e-9, (1 - delta) / 2 - 1e-9, 200_001)  # of the images; lost: + delta
        logs = lost * np.log(won_share + delta) + won * np.log(won_share) + same * np.log(1 - 2 * won_share - delta)
        best = won_share[np.nanargmax(logs)]
        z = (lost - won - n * delta) / np.sqrt(n * (2 * best + delta * (1 - delta)))
        assert abs(z) == pytest.approx(Z95, abs=2e-2)


@pytest.mark.parametrize(("n", "lost", "won"), [(60, 0.02, 0.01), (300, 0.03, 0.02), (2000, 0.01, 0.01)])
def test_the_paired_interval_covers_what_it_should(n: int, lost: float, won: float) -> None:
    rng, inside, tried = np.random.default_rng(0), 0, 400
    for _ in range(tried):
        a, b, _same = rng.multinomial(n, [lost, won, 1 - lost - won])
        before = np.arange(n) < a
        after = (np.arange(n) >= a) & (np.arange(n) < a + b)
        low, high = paired_limits(before, after)
        inside += low <= 100 * (lost - won) <= high
    assert inside / tried > 0.92


def test_on_many_images_it_is_the_bootstraps_interval() -> None:
    rng = np.random.default_rng(1)
    before = rng.random(5000) < 0.9
    after = before ^ (rng.random(5000) < 0.03)
    ours, bootstrap = paired_limits(before, after), paired_drop(before, after, 0)[1]
    assert ours == pytest.approx(bootstrap, abs=0.1)
