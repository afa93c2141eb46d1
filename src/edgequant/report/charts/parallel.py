"""Parallel coordinates: one line a variant across axes that each have a scale of their own (Inselberg, 1985)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt

from .charts import INK, _chart, _styled
from .scales import Axis

BITS = ("ActBits", "WeightBits")
AXES = (*BITS, "CompressionRatio", "ModelSizeMB", "QuantAcc")
HEIGHT = 340
NAMES: dict[str, Any] = {"labelFontWeight": 600, "labelAngle": 0, "labelAlign": "center", "labelPadding": 18}
TOOLTIPS = {
    "id": "Variant",
    "WeightBits": "Weight bits",
    "ActBits": "Activation bits",
    "ratio": "Compression of the model",
    "size": "Estimated size",
    "accuracy": "Top-1, simulated",
}


def parallel_coordinates(lines: Sequence[dict[str, Any]], title: str) -> alt.TopLevelMixin:
    """A line for each dict, the most accurate in front.

    A dict has the numbers of AXES (sizes in MB, accuracy a fraction), `id`, and the texts `ratio`, `size` and
    `accuracy` of its tooltip. Every axis runs from the smallest to the largest value on it; colour is accuracy.
    In HTML the line under the pointer stands out.
    """
    lines = sorted(lines, key=lambda line: float(line["QuantAcc"]))
    axes = {}
    for name in AXES:  # as wide as its values; a lone value stands in the middle
        low, high = (end(line[name] for line in lines) for end in (min, max))
        margin = 0.0 if high > low else max(abs(low) * 0.05, 1e-6)
        axes[name] = Axis(low - margin, high + margin, HEIGHT, log=False)
    x = alt.X("axis:N", sort=list(AXES), title=None)
    y = alt.Y("at:Q", axis=None, scale=alt.Scale(domain=[0, 1], nice=False))
    hover = alt.selection_point(name="hover", fields=["id"], on="pointerover", nearest=True, clear="pointerout")
    shown = alt.condition(hover, alt.value(1.0), alt.value(0.12))
    base = _folded(lines, axes).encode(
        x=x.axis(domain=False, ticks=False, orient="top", grid=False, **NAMES),
        y=y,
        color=_colour([line["QuantAcc"] for line in lines]),
        tooltip=[alt.Tooltip(f"{key}:N", title=text) for key, text in TOOLTIPS.items()],
        opacity=shown,
    )
    strokes = base.mark_line(strokeWidth=2.6, strokeJoin="round").encode(detail="id:N")
    points = base.mark_circle(size=55).add_params(hover).properties(name="points")
    uprights = _chart([{"axis": name} for name in AXES]).mark_rule(color="#9aa5b1", strokeWidth=1.2).encode(x=x)
    chart = alt.layer(uprights, strokes, points, *_labels(lines, axes, x, y)).properties(height=HEIGHT)
    best = lines[-1]
    text = (
        f"{title}: {len(lines)} combinations; the most accurate is {best['id']} ({best['accuracy']}, {best['size']})."
    )
    return _styled(chart, title, "Simulated; one line a combination of bits, coloured by accuracy.", text)


def _folded(lines: Sequence[dict[str, Any]], axes: dict[str, Axis]) -> alt.Chart:
    """A row for each line and axis, with `at` from 0 to 1 on that axis."""
    low = json.dumps({name: axis.low for name, axis in axes.items()})
    span = json.dumps({name: axis.high - axis.low for name, axis in axes.items()})
    folded = _chart(lines).transform_fold(list(AXES), as_=["axis", "value"])
    return folded.transform_calculate(at=f"(datum.value - ({low})[datum.axis]) / ({span})[datum.axis]")


def _colour(accuracies: Sequence[float]) -> alt.Color:
    low, high = min(accuracies), max(accuracies)
    scale = alt.Scale(scheme="viridis", domain=[low, high] if high > low else [low - 0.01, high + 0.01], reverse=True)
    return alt.Color("QuantAcc:Q", title="Top-1 accuracy", scale=scale, legend=alt.Legend(format=".1%"))


def _labels(lines: Sequence[dict[str, Any]], axes: dict[str, Axis], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """The values along each axis, white behind them, for they stand on the lines."""
    ticks = [tick for name, axis in axes.items() if name not in BITS for tick in _ticks(name, axis)]
    bits = {(name, line[name]) for line in lines for name in BITS}
    ticks += [{"axis": n, "at": axes[n].pixel(b) / HEIGHT, "label": f"{b:.0f}"} for n, b in sorted(bits)]
    base = _chart(ticks).encode(x=x, y=y)
    marks = base.mark_tick(orient="horizontal", color="#9aa5b1", size=9, thickness=1.2)
    halo = base.mark_text(align="right", dx=-9, fontSize=11, color="#ffffff", stroke="#ffffff", strokeWidth=5)
    text = base.mark_text(align="right", dx=-9, fontSize=11, color=INK)
    return [marks, halo.encode(text="label:N"), text.encode(text="label:N")]


def _ticks(name: str, axis: Axis) -> list[dict[str, Any]]:
    """Round values, and the two ends where no round one is near."""
    values = axis.ticks()
    for end in (axis.low, axis.high):
        near = any(abs(axis.pixel(value) - axis.pixel(end)) < 16 for value in values)
        values += [] if near else [end]
    return [{"axis": name, "at": axis.pixel(value) / HEIGHT, "label": _label(name, value)} for value in values]


def _label(name: str, value: float) -> str:
    if name == "QuantAcc":
        return f"{value:.1%}"
    return f"{value:.2f}×" if name == "CompressionRatio" else f"{value:.3g}"
