"""The ten most sensitive layers from few images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.core.arrays import Array
from edgequant.search.screen import ranking, screen


class Bench:
    """Candidates of known mean, with noise that images share."""

    def __init__(self, means: Sequence[float], images: int, noise: float, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        shared = rng.gamma(2.0, 0.5, images)
        self.kl = {str(i): mean * shared * rng.lognormal(0, noise, images) for i, mean in enumerate(means)}
        self.asked = 0

    def measure(self, keys: Sequence[str], first: int, end: int) -> dict[str, Array]:
        self.asked += len(keys) * (end - first)
        return {key: self.kl[key][first:end] for key in keys}


def test_clear_candidates_are_decided_early_and_the_top_is_right() -> None:
    bench = Bench(np.geomspace(1, 1e-4, 53), 512, 0.3)
    found = screen(list(bench.kl), 512, 10, bench.measure)
    assert set(found.top) == set(ranking(bench.kl)[:10])
    assert bench.asked < 53 * 512 / 6 and len(found.kl["0"]) < len(found.kl["9"])


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(2, 30), st.integers(2, 300))
def test_it_sees_the_images_in_order_and_none_twice(seed: int, count: int, images: int) -> None:
    bench = Bench(np.random.default_rng(seed).uniform(0.1, 1, count), images, 0.5, seed)
    found = screen(list(bench.kl), images, 10, bench.measure)
    assert set(found.kl) == set(bench.kl) and len(found.top) == min(10, count)
    for key, values in found.kl.items():
        np.testing.assert_array_equal(values, bench.kl[key][: len(values)])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_candidates_that_do_not_differ_come_in_the_order_given(value: float) -> None:
    found = screen(list("abcdef"), 64, 3, lambda keys, first, end: {k: np.full(end - first, value) for k in keys})
    assert found.top == ("a", "b", "c")
