"""How the confusion matrix changed: a square a pair of classes, red where mistakes came, blue where they went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from .charts import INK, _chart, _styled

GAIN, LOSS = "#0072B2", "#D55E00"


def confusion(cells: Sequence[dict[str, Any]], classes: Sequence[str], title: str) -> alt.TopLevelMixin:
    """Cells: `true` and `said` (names), `before`, `after` and `change` in images. What did not change is white.

    On the diagonal more is better, elsewhere less: `worse` turns the sign so that one colour means one thing.
    """
    turned = [cell | {"worse": cell["change"] * (-1 if cell["true"] == cell["said"] else 1)} for cell in cells]
    turned = [cell | {"text": f"{cell['change']:+d}".replace("-", "−")} for cell in turned]
    edge = max(abs(cell["worse"]) for cell in turned)
    scale = alt.Scale(domain=[-edge, 0, edge], range=[GAIN, "#ffffff", LOSS])
    axis: dict[str, Any] = {"labelLimit": 110, "grid": False, "ticks": False, "domain": False}
    on_x = alt.X("said:N", title="Answered class", scale=alt.Scale(domain=list(classes))).axis(
        labelAngle=-40 if max(map(len, classes)) > 4 else 0, **axis
    )
    on_y = alt.Y("true:N", title="True class", scale=alt.Scale(domain=list(classes))).axis(**axis)
    heads = {"true": "True class", "said": "Answered", "before": "float32", "after": "Quantized"}
    tips = [alt.Tooltip(f"{key}:N", title=words) for key, words in heads.items()]
    base = _chart(turned).encode(x=on_x, y=on_y, tooltip=tips)
    square = base.mark_rect(stroke="#d5dce3").encode(color=alt.Color("worse:Q", scale=scale, legend=None))
    strong = alt.condition(f"abs(datum.worse) > {0.6 * edge}", alt.value("#ffffff"), alt.value(INK))
    number = base.mark_text(fontSize=12).encode(text="text:N", color=strong)
    worst = max(turned, key=lambda cell: abs(cell["worse"]))
    words = f"{title}: {len(cells)} pairs; most for true {worst['true']}, answered {worst['said']} ({worst['text']})."
    chart = alt.layer(square, number).properties(height=min(420, max(160, 30 * len(classes))))
    return _styled(chart, title, "Images more or fewer. Orange: worse; blue: better. Diagonal: right answers.", words)
