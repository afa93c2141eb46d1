"""Which points nothing else beats."""

from __future__ import annotations

from collections.abc import Sequence


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Whether `a = (cost, value)` costs no more than `b`, is worth no less, and differs."""
    return a != b and a[0] <= b[0] and a[1] >= b[1]


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Positions of the non-dominated `(cost, value)` points, cheapest first; equal points are all kept.

    >>> front([(1.0, 0.90), (2.0, 0.95), (2.0, 0.91), (3.0, 0.95)])
    [0, 1]
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1]))
    kept: list[int] = []
    for i in order:
        last = points[kept[-1]] if kept else None
        if last is None or points[i][1] > last[1] or points[i] == last:
            kept.append(i)
    return kept
