"""Figures as the report writes them."""

from __future__ import annotations

import math

import pytest

from edgequant.report import format as fmt


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (fmt.percent, 0.9412, "94.12%"),
        (fmt.percent, 1, "100.00%"),
        (fmt.percent, 0.999998, "99.9998%"),  # not exact, so never 100%
        (fmt.points, 0.35, "0.35 pt"),
        (fmt.points, -0.354, "−0.35 pt"),
        (fmt.points, -0.001, "0.00 pt"),
        (fmt.size, 2_462_008, "2.46 MB (2,462,008)"),
        (fmt.size, 366_104, "366 kB (366,104)"),
        (fmt.size_short, 512, "512 B"),
        (fmt.size_short, 3.2e9, "3.20 GB"),
        (fmt.ratio, 3.6233, "3.62×"),
        (fmt.milliseconds, 0.0421, "0.042 ms"),
        (fmt.milliseconds, 0.23, "0.23 ms"),
        (fmt.milliseconds, 14.2, "14.2 ms"),
        (fmt.milliseconds, 1234.5, "1,234 ms"),
        (fmt.probability, 0.0004, "<0.001"),
        (fmt.probability, 0.2124, "0.212"),
        (fmt.count, 10_000, "10,000"),
        (fmt.plain, True, "yes"),
        (fmt.plain, [1, 2.5], "1, 2.5"),
        (fmt.plain, None, fmt.ABSENT),
    ],
)
def test_a_figure_is_written(function, value, text):
    assert function(value) == text


@pytest.mark.parametrize("value", [None, "fast", math.nan, math.inf, True, [1]])
@pytest.mark.parametrize(
    "function", [fmt.percent, fmt.points, fmt.size, fmt.ratio, fmt.milliseconds, fmt.probability, fmt.count]
)
def test_what_is_no_number_is_absent(function, value):
    assert function(value) == fmt.ABSENT


@pytest.mark.parametrize("pair", [None, "ab", [1], [1, None], [1, 2, 3]])
def test_what_is_no_interval_is_left_out(pair):
    assert fmt.with_interval("94.12%", pair) == "94.12%"


def test_an_interval_follows_its_value():
    assert fmt.with_interval("94.12%", [0.9365, 0.9457], 100) == "94.12% (93.65 to 94.57)"


@pytest.mark.parametrize(
    ("ms", "reference", "words"),
    [(0.23, 1.0, "4.35× faster than"), (1.4, 1.0, "1.40× slower than"), (1.0, 1.03, "as fast as")],
)
def test_speed_is_said_in_words(ms, reference, words):
    assert fmt.speed(ms, reference) == words


@pytest.mark.parametrize(("times", "words"), [(3.62, "3.62× smaller than"), (0.5, "2.00× larger than")])
def test_size_is_said_in_words(times, words):
    assert fmt.smaller(times) == words


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("2.46 MB (2,462,008)", 2_462_008),
        ("94.12% (93.65 to 94.57)", 94.12),
        ("−0.12 pt", -0.12),
        ("<0.001", 0.001),
        ("3.1e-06", 3.1e-6),
        ("66 / 66", 66),
        ("mobilenet_v2", None),
        ("–", None),
    ],
)
def test_a_cell_sorts_by_its_number(cell, key):
    assert fmt.sort_key(cell) == key


def test_columns_of_numbers_are_found():
    rows = [("Name", "p50", "Note"), ("a", "0.23 ms", "–"), ("b", "–", "–")]
    assert fmt.numeric_columns(rows) == [False, True, False]
    assert fmt.numeric_columns([]) == []
    assert fmt.numeric_columns([("Name", "p50")]) == [False, False]
