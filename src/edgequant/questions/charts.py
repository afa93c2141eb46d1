"""Charts of questions about layers: what quantizing each alone does to the answer, and divergence against size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from ..report.charts.charts import FAINT, HEIGHT, INK, PALETTE, _chart, _colours, _styled

LONGEST = 60  # layers; the rest is in the table
KL = "KL divergence of the answer from float (nats)"


def by_layer(rows: Sequence[dict[str, Any]], title: str, subtitle: str) -> alt.TopLevelMixin:
    """Rows, most sensitive first: `layer`, `scheme` (`w4a8`), `kl` in nats and `marked`, and the texts `drop` and
    `sqnr`. The axis is logarithmic; what is 0 has no dot."""
    order = list(dict.fromkeys(row["layer"] for row in rows))[:LONGEST]
    drawn = [row for row in rows if row["layer"] in order and row["kl"] > 0]
    schemes = list(dict.fromkeys(row["scheme"] for row in drawn))
    x = alt.X("kl:Q", title=KL)
    x = x.scale(type="log", nice=True).axis(format=".0e", tickCount=6, grid=True)
    y = alt.Y("layer:N", sort=order, title=None).axis(labelLimit=260, grid=True, domain=False, ticks=False)
    colour = alt.Color("scheme:N", title="Layer at", scale=alt.Scale(domain=schemes, range=_colours(schemes)))
    tips = [alt.Tooltip(f"{k}:N", title=t) for k, t in {"layer": "Layer", "drop": "Drop", "sqnr": "SQNR"}.items()]
    base = _chart(drawn).encode(y=y)
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, color=colour, tooltip=tips)
    ring = base.transform_filter("datum.marked").mark_point(size=230, strokeWidth=1.8, color=INK).encode(x=x)
    line = base.mark_rule(color=FAINT, opacity=0.4).encode(x=alt.X("min(kl):Q", title=KL), x2="max(kl):Q")
    chart = alt.layer(line, dots, ring).properties(height=alt.Step(15))
    worst = ", ".join(order[:5])
    return _styled(chart, title, subtitle, f"{title}: {len(order)} layers; most sensitive first: {worst}.")


def front(points: Sequence[dict[str, Any]], title: str) -> alt.TopLevelMixin:
    """Divergence against size. A point has `bytes` in MB, `kl` in nats, `chosen`, and the text `top1`."""
    x = alt.X("bytes:Q", title="Predicted file (MB)", scale=alt.Scale(zero=False, nice=True))
    y = alt.Y("kl:Q", title=KL)
    tips = [alt.Tooltip("top1:N", title="Top-1, simulated"), alt.Tooltip("bytes:Q", title="MB", format=".3f")]
    base = _chart(points).encode(x=x, y=y, tooltip=tips)
    line = base.mark_line(color=FAINT, strokeDash=[5, 3])
    dots = base.mark_point(filled=True, size=80, opacity=1, color=PALETTE[0])
    ring = base.transform_filter("datum.chosen").mark_point(size=320, strokeWidth=2, color=INK)
    chart = alt.layer(line, dots, ring).properties(height=HEIGHT)
    words = f"{title}: {len(points)} mixes from {min(p['bytes'] for p in points):.3f} MB."
    return _styled(chart, title, "Simulated on validation images. Circled: chosen.", words)
