"""Where to write the names of points so that they cover neither a point nor each other."""

from __future__ import annotations

from collections.abc import Sequence

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels

GLYPH, HEIGHT, GAP = 6.3, 13.0, 14.0  # of 11 px sans-serif: mean advance, line height, distance from a point


def around(x: float, y: float) -> Box:
    """The box of a point's mark."""
    return (x - 7, y - 7, x + 7, y + 7)


def segment(x1: float, y1: float, x2: float, y2: float) -> Box:
    """The box of an upright or level line, in either direction."""
    return (min(x1, x2) - 1.5, min(y1, y2) - 1.5, max(x1, x2) + 1.5, max(y1, y2) + 1.5)


def place(
    anchors: Sequence[tuple[float, float]],
    texts: Sequence[str],
    obstacles: Sequence[Box],
    plot: tuple[float, float],
) -> list[Box]:
    """The box of each text, in pixels from the upper left corner of the plot, which is (width, height).

    Greedy: each text takes, of the places round its anchor, the one that covers least of the
    obstacles, of the texts already placed and of what lies outside the plot.
    """
    taken, placed = list(obstacles), []
    for (x, y), text in zip(anchors, texts):
        best = min(_candidates(x, y, GLYPH * len(text)), key=lambda box: _cost(box, taken, plot))
        taken.append(best)
        placed.append(best)
    return placed


def leader(anchor: tuple[float, float], box: Box) -> tuple[float, float] | None:
    """Where a line from the point to its text ends; None for a text that is next to its point."""
    x = min(max(anchor[0], box[0] - 2), box[2] + 2)
    y = min(max(anchor[1], box[1]), box[3])
    near = (anchor[0] - x) ** 2 + (anchor[1] - y) ** 2 <= (1.5 * GAP) ** 2
    return None if near else (x, y)


def _candidates(x: float, y: float, width: float) -> list[Box]:
    """Upper left first: beyond a Pareto front nothing lies there."""
    boxes = []
    for distance in (GAP, 1.7 * GAP, 2.6 * GAP, 3.6 * GAP):
        for left, middle in (
            (x - width - 4, y - distance),
            (x + 4, y - distance),
            (x + 4, y + distance),
            (x - width - 4, y + distance),
            (x - width / 2, y - 1.4 * distance),
            (x + distance + 2, y),
            (x - distance - 2 - width, y),
        ):
            boxes.append((left, middle - HEIGHT / 2, left + width, middle + HEIGHT / 2))
    return boxes


def _cost(box: Box, taken: Sequence[Box], plot: tuple[float, float]) -> float:
    inside = _overlap(box, (0, 0, *plot))
    outside = (box[2] - box[0]) * HEIGHT - inside
    return 3 * outside + sum(_overlap(box, other) for other in taken)


def _overlap(a: Box, b: Box) -> float:
    """The shared area, square pixels."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
