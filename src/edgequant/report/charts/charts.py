"""The charts, as altair definitions: one look, readable sizes, colours that colour-blind readers can tell apart.

Only drawing happens here. A chart's `description` is its text for readers who cannot see it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import altair as alt

from .labels import around, leader, place, segment
from .pareto import front
from .scales import Axis, cost_axis, value_axis

# Okabe and Ito, 2008, "Color Universal Design", without its yellow, which is too faint on white.
PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555", "#000000"]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
INK, FAINT = "#1f2933", "#616e7c"
WIDTH, HEIGHT = 660, 380


@dataclass(frozen=True)
class Point:
    """A variant in a Pareto chart. `cost` in the unit of the axis, accuracies as fractions."""

    id: str
    label: str
    network: str
    target: str
    recipe: str
    cost: float
    top1: float
    low: float
    high: float
    recommended: bool
    accuracy: str  # these three as the tables write them, for the tooltip
    latency: str
    size: str


def pareto(points: Sequence[Point], cost: str, title: str) -> alt.TopLevelMixin:
    """Accuracy against a cost on a logarithmic axis, the front a stepped line, the names of its points written out."""
    x = cost_axis([p.cost for p in points], WIDTH)
    y = value_axis([edge for p in points for edge in (p.low, p.high)], HEIGHT)
    best = front([(p.cost, p.top1) for p in points])
    on_x = alt.X("cost:Q", title=cost, scale=alt.Scale(type="log", domain=[x.low, x.high], nice=False))
    on_x = on_x.axis(values=x.ticks(), format="~r", grid=True)
    on_y = alt.Y("top1:Q", title="Top-1 accuracy", scale=alt.Scale(domain=[y.low, y.high], nice=False, zero=False))
    on_y = on_y.axis(format=".1%", values=y.ticks())
    base = _chart([asdict(p) | {"first": p.target == points[0].target} for p in points]).encode(x=on_x, y=on_y)
    corners = [{"cost": points[i].cost, "top1": points[i].top1} for i in best]
    # carried on to the right edge: what costs more need not be worse than the front's last point
    edge = _chart([*corners, {"cost": x.high, "top1": corners[-1]["top1"]}])
    line = edge.mark_line(color=FAINT, strokeDash=[5, 3], interpolate="step-after").encode(x=on_x, y=on_y)
    spread = base.mark_rule(color=FAINT, opacity=0.45).encode(y="low:Q", y2="high:Q")
    ring = base.transform_filter("datum.recommended").mark_point(size=420, strokeWidth=2.2, color=INK, filled=False)
    brush = alt.selection_interval(name="brush", zoom=False)
    marks, *cores = _marks(base, points)
    layers: list[alt.Chart] = [
        line,
        spread,
        marks.add_params(brush).properties(name="points"),
        *cores,
        ring.encode(shape=alt.value("circle")),
    ]
    layers += _names(points, best, x, y)
    text = f"{title}: {len(points)} variants, of which nothing beats {', '.join(points[i].id for i in best)}."
    return _styled(alt.layer(*layers).properties(height=HEIGHT), title, _legend(points), text)


def latencies(rows: Sequence[dict[str, Any]], title: str) -> alt.TopLevelMixin:
    """A line a variant: p50 as a dot, a line on to p99. Rows: id, group, p50 and p99 in ms, recommended, and
    the words `short` and `text`."""
    order = [row["id"] for row in rows]
    x = cost_axis([row[key] for row in rows for key in ("p50", "p99")], WIDTH)
    on_x = alt.X("p50:Q", title="Milliseconds per image, one thread: dot p50, line to p99")
    on_x = on_x.scale(type="log", domain=[x.low, x.high], nice=False).axis(values=x.ticks(), format="~r", grid=True)
    on_y = alt.Y("id:N", sort=order, title=None).axis(labelLimit=280, grid=True, domain=False, ticks=False)
    base = _chart(rows).encode(y=on_y)
    groups = list(dict.fromkeys(row["group"] for row in rows))
    colour = alt.Color("group:N", title="Runtime", sort=groups, scale=alt.Scale(domain=groups, range=_colours(groups)))
    tips = [alt.Tooltip("id:N", title="Variant"), alt.Tooltip("text:N", title="p50, p90, p99")]
    spread = base.mark_rule(strokeWidth=2, opacity=0.5).encode(x=on_x, x2="p99:Q", color=colour)
    dots = base.mark_point(filled=True, size=90, opacity=1).encode(x=on_x, color=colour, tooltip=tips)
    ring = base.transform_filter("datum.recommended").mark_point(size=320, strokeWidth=2, color=INK).encode(x=on_x)
    text = base.mark_text(align="left", dx=13, dy=-8, fontSize=11, color=INK).encode(x=on_x, text="short:N")
    chart = alt.layer(spread, dots, ring, text).properties(height=alt.Step(26))
    words = f"{title}: " + "; ".join(f"{row['id']} {row['short']}" for row in rows) + "."
    return _styled(chart, title, "Further left is faster; the axis is logarithmic. Circled: recommended.", words)


def _marks(base: alt.Chart, points: Sequence[Point]) -> list[alt.Chart]:
    """Shape by recipe; colour by network, or by target where there is one network.

    With several of both, a white core makes the points of every target but the first hollow.
    """
    by, names = ("network", _networks(points)) if len(_networks(points)) > 1 else ("target", _targets(points))
    recipes = list(dict.fromkeys(p.recipe for p in points))
    shapes = alt.Scale(domain=recipes, range=[SHAPES[i % len(SHAPES)] for i in range(len(recipes))])
    colours = alt.Scale(domain=names, range=_colours(names))
    grey = alt.Legend(symbolFillColor=FAINT, symbolStrokeColor=FAINT)
    shape = alt.Shape("recipe:N", title="Recipe", scale=shapes, legend=grey)
    full = base.mark_point(size=120, opacity=1, filled=True).encode(
        shape=shape,
        color=alt.Color(f"{by}:N", title=TITLES[by], scale=colours),
        tooltip=[alt.Tooltip(f"{key}:N", title=TITLES[key]) for key in TITLES],
    )
    core = base.transform_filter("!datum.first").mark_point(size=36, opacity=1, filled=True, color="#ffffff")
    core = core.encode(shape=shape)
    return [full, core] if by == "network" else [full]


TITLES = {
    "id": "Variant",
    "network": "Network",
    "target": "Runtime",
    "accuracy": "Top-1",
    "latency": "Latency p50",
    "size": "File",
}


def _networks(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(p.network for p in points))


def _targets(points: Sequence[Point]) -> list[str]:
    return list(dict.fromkeys(p.target for p in points))


def _legend(points: Sequence[Point]) -> str:
    """What the legend beside the chart cannot say."""
    words = "Dashed: the front, beyond which nothing was measured."
    words += " Circled: recommended." if any(p.recommended for p in points) else ""
    first, *rest = _targets(points)
    hollow = f" Filled: {first}; hollow: {', '.join(rest)}."
    return words + (hollow if rest and len(_networks(points)) > 1 else "")


def _names(points: Sequence[Point], best: Sequence[int], x: Axis, y: Axis) -> list[alt.Chart]:
    """The labels of the front's points and of the recommended one, where they cover nothing, and lines to far ones."""
    named = [p for i, p in enumerate(points) if i in best or p.recommended]
    pixel = {p.id: (x.pixel(p.cost), HEIGHT - y.pixel(p.top1)) for p in points}
    taken = [around(*pixel[p.id]) for p in points]
    taken += [
        segment(pixel[p.id][0], HEIGHT - y.pixel(p.high), pixel[p.id][0], HEIGHT - y.pixel(p.low)) for p in points
    ]
    corners = [pixel[points[i].id] for i in best]  # under the stepped line, up to the right edge
    taken += [segment(a[0], a[1], b[0], a[1]) for a, b in zip(corners, [*corners[1:], (WIDTH, 0.0)])]
    taken += [segment(b[0], a[1], b[0], b[1]) for a, b in itertools.pairwise(corners)]
    boxes = place([pixel[p.id] for p in named], [p.label for p in named], taken, (WIDTH, HEIGHT))
    texts, lines = [], []
    for point, box in zip(named, boxes):
        left, middle = x.value(box[0]), y.value(HEIGHT - (box[1] + box[3]) / 2)
        texts.append({"cost": left, "top1": middle, "label": point.label})
        end = leader(pixel[point.id], box)
        if end is not None:
            far = {"cost2": x.value(end[0]), "top2": y.value(HEIGHT - end[1])}
            lines.append({"cost": point.cost, "top1": point.top1} | far)
    rule = _chart(lines).mark_rule(color=FAINT, strokeWidth=0.8)
    text = _chart(texts).mark_text(align="left", baseline="middle", fontSize=11, color=INK)
    return [
        *([rule.encode(x="cost:Q", y="top1:Q", x2="cost2:Q", y2="top2:Q")] if lines else []),
        text.encode(x="cost:Q", y="top1:Q", text="label:N"),
    ]


def _chart(values: Sequence[dict[str, Any]]) -> alt.Chart:
    data: alt.Data = alt.Data(values=list(values))  # type: ignore[no-untyped-call]
    return alt.Chart(data)


def _colours(names: Sequence[str]) -> list[str]:
    return [PALETTE[i % len(PALETTE)] for i in range(len(names))]


def _styled(chart: alt.TopLevelMixin, title: str, subtitle: str, description: str) -> alt.TopLevelMixin:
    heading = alt.TitleParams(title, subtitle=subtitle, anchor="start", fontSize=16, subtitleFontSize=12, offset=12)
    heading.subtitleColor, heading.color = FAINT, INK
    words = {"labelFontSize": 12, "titleFontSize": 12, "labelColor": INK, "titleColor": INK, "titleFontWeight": 600}
    axis = words | {"gridColor": "#e4e7eb", "domainColor": "#9aa5b1", "tickColor": "#9aa5b1", "titlePadding": 10}
    styled = chart.properties(width=WIDTH, title=heading, description=description, background="#ffffff", padding=14)
    done: alt.TopLevelMixin = (
        styled.configure(font=FONT)
        .configure_axis(**axis)
        .configure_legend(**words, symbolOpacity=1)
        .configure_view(stroke=None)
    )
    return done
