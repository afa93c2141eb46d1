"""The integer program against every combination."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.search.allocate import Choice, Option, allocate, front, total, without

FIGURE = st.integers(1, 50).map(float)
LAYER = st.tuples(FIGURE, FIGURE, FIGURE, FIGURE, FIGURE)


def options(drawn: list[tuple[float, ...]]) -> dict[str, list[Option]]:
    """Wide: all of the bytes, a tenth of the harm."""
    return {
        f"layer{i}": [Option("w8a8", 2 * size, ms, harm / 10), Option("w4a8", size, slower, harm)]
        for i, (size, ms, slower, harm, _) in enumerate(drawn)
    }


def every(given_: dict[str, list[Option]]) -> list[Choice]:
    names = [[option.scheme for option in several] for several in given_.values()]
    return [dict(zip(given_, schemes)) for schemes in itertools.product(*names)]


@settings(max_examples=30)
@given(st.lists(LAYER, min_size=1, max_size=6), st.floats(0.5, 1.0), st.floats(0.6, 1.2))
def test_nothing_within_the_budgets_is_better(drawn: list[tuple[float, ...]], share: float, speed: float) -> None:
    given_ = options(drawn)
    wide = dict.fromkeys(given_, "w8a8")
    size, ms = share * total(given_, wide, "bytes"), speed * total(given_, wide, "ms")
    fits = [c for c in every(given_) if total(given_, c, "bytes") <= size and total(given_, c, "ms") <= ms]
    found = allocate(given_, size, ms)
    if found is None:
        assert not fits
        return
    assert total(given_, found, "bytes") <= size + 1e-6 and total(given_, found, "ms") <= ms + 1e-6
    assert total(given_, found, "harm") <= min(total(given_, c, "harm") for c in fits) + 1e-4


def test_each_aim_without_a_budget() -> None:
    given_ = options([(10.0, 1.0, 5.0, 3.0, 0.0), (20.0, 4.0, 2.0, 1.0, 0.0)])
    assert allocate(given_) == {"layer0": "w8a8", "layer1": "w8a8"}
    assert allocate(given_, minimise="bytes") == {"layer0": "w4a8", "layer1": "w4a8"}
    assert allocate(given_, minimise="ms") == {"layer0": "w8a8", "layer1": "w4a8"}


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_how_large_the_harm_is_does_not_matter(scale: float) -> None:
    given_ = {
        name: [Option("w8a8", 2, 0, 0), Option("w4a8", 1, 0, scale * harm)] for name, harm in zip("abc", (3, 1, 2))
    }
    assert allocate(given_, max_bytes=5) == {"a": "w8a8", "b": "w4a8", "c": "w8a8"}


def test_the_front_runs_from_the_smallest_to_the_least_harm() -> None:
    given_ = options([(10.0, 1.0, 1.0, 3.0, 0.0), (20.0, 1.0, 1.0, 1.0, 0.0), (5.0, 1.0, 1.0, 9.0, 0.0)])
    found = front(given_, 5)
    sizes = [total(given_, choice, "bytes") for choice in found]
    harms = [total(given_, choice, "harm") for choice in found]
    assert sizes == sorted(sizes) and harms == sorted(harms, reverse=True) and len(found) >= 3
    assert sizes[0] == 35 and sizes[-1] == 70
    assert front(given_, 5, max_ms=0.5) == []


def test_a_forbidden_scheme_is_gone_unless_it_is_the_last() -> None:
    given_ = options([(10.0, 1.0, 1.0, 3.0, 0.0)])
    once = without(given_, "layer0", "w4a8")
    assert [option.scheme for option in once["layer0"]] == ["w8a8"]
    assert [option.scheme for option in without(once, "layer0", "w8a8")["layer0"]] == ["w8a8"]
