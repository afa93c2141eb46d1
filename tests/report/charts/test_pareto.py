"""The Pareto front, by its definition."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgequant.report.charts.pareto import dominates, front

coordinate = st.integers(0, 6).map(float)  # a small grid, so that ties and equal points come often
points = st.lists(st.tuples(coordinate, coordinate), max_size=25)


@given(points)
def test_the_front_is_exactly_what_nothing_dominates(given_points):
    kept = [i for i, p in enumerate(given_points) if not any(dominates(q, p) for q in given_points)]
    assert sorted(front(given_points)) == kept


@given(points)
def test_the_front_rises_with_cost(given_points):
    costs_and_values = [given_points[i] for i in front(given_points)]
    assert costs_and_values == sorted(costs_and_values)


@given(points, st.randoms())
def test_the_order_of_the_points_does_not_matter(given_points, random):
    shuffled = list(given_points)
    random.shuffle(shuffled)
    assert sorted(shuffled[i] for i in front(shuffled)) == sorted(given_points[i] for i in front(given_points))


def test_equal_points_do_not_beat_each_other():
    assert not dominates((1.0, 0.9), (1.0, 0.9))
    assert sorted(front([(1.0, 0.9), (1.0, 0.9), (1.0, 0.8)])) == [0, 1]


def test_no_points_have_no_front():
    assert front([]) == []
