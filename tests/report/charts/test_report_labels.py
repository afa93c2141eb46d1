"""Labels and axes of the charts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgequant.report.charts.labels import _overlap, around, leader, place, segment
from edgequant.report.charts.scales import Axis, cost_axis, value_axis

WIDTH, HEIGHT = 660.0, 380.0


def test_labels_of_a_crowd_do_not_overlap():
    anchors = [(300.0 + 6 * k, 200.0 - 5 * k) for k in range(5)]
    boxes = place(anchors, ["w8a8-qat"] * 5, [around(*a) for a in anchors], (WIDTH, HEIGHT))
    assert all(_overlap(a, b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(_overlap(box, around(*a)) == 0 for box in boxes for a in anchors)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (WIDTH, 0.0), (0.0, HEIGHT), (WIDTH, HEIGHT)])
def test_a_label_in_a_corner_stays_inside(corner):
    ((left, top, right, bottom),) = place([corner], ["mobilenet"], [], (WIDTH, HEIGHT))
    assert left >= 0 and top >= 0 and right <= WIDTH and bottom <= HEIGHT


def test_only_a_label_that_is_far_has_a_leader():
    assert leader((100.0, 100.0), (105.0, 93.0, 150.0, 106.0)) is None
    assert leader((100.0, 100.0), (150.0, 20.0, 200.0, 33.0)) == (148.0, 33.0)


def test_a_segment_has_a_width_in_either_direction():
    assert segment(10, 5, 0, 5) == segment(0, 5, 10, 5) == (-1.5, 3.5, 11.5, 6.5)


@given(st.lists(st.floats(1e-3, 1e4), min_size=1, max_size=8))
def test_an_axis_holds_its_values_and_can_be_inverted(values):
    axis = cost_axis(values, WIDTH)
    assert all(0 <= axis.pixel(v) <= WIDTH for v in values)
    assert axis.value(axis.pixel(values[0])) == pytest.approx(values[0])
    assert axis.ticks() and all(axis.low <= tick <= axis.high for tick in axis.ticks())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_an_accuracy_axis_stays_between_none_and_all(values):
    axis = value_axis(values, HEIGHT)
    assert 0 <= axis.low < axis.high <= 1
    assert all(axis.low <= v <= axis.high for v in values)
    assert len(axis.ticks()) >= 2


def test_ticks_are_round():
    assert Axis(0.03, 25, WIDTH, log=True).ticks() == [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
    assert Axis(0.92, 0.951, HEIGHT, log=False).ticks() == pytest.approx([0.92, 0.93, 0.94, 0.95])
