"""The report as one HTML file that opens offline: no request leaves it, and a policy in its head says so.

Charts are drawn as SVG images inside the file, and become interactive where scripts run. Everything
from the results passes through jinja2's escaping or through a Markdown parser that knows no HTML.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any

from .. import format as fmt
from ..charts import drawing
from ..document import Document, vega_lite
from .prose import parser

TONES = {
    "ok": "good",
    "✓ met": "good",
    "✓ passed": "good",
    "✗ not met": "bad",
    "✗ failed": "bad",
    "failed": "bad",
    "ok, parity failed": "bad",
    "unsupported": "mute",
}


def html(document: Document) -> str:
    """The whole report."""
    from jinja2 import Environment
    from markupsafe import Markup

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    prose = parser()
    environment.filters["prose"] = lambda text: Markup(prose.render(text))
    environment.filters["picture"] = lambda chart: _data_uri("svg+xml", chart.svg.encode())
    environment.filters["photo"] = lambda picture: _data_uri("png", picture.png)
    environment.filters["spec"] = lambda chart: Markup(script_json(chart.spec))
    environment.filters["views"] = lambda part: Markup(script_json(shared(part.views)))
    environment.filters["tone"] = lambda cell: TONES.get(cell, "")
    environment.filters["key"] = fmt.sort_key
    environment.filters["numeric"] = fmt.numeric_columns
    template = environment.from_string(_template("report.html.j2"))
    return template.render(
        document=document,
        style=Markup(_template("report.css")),
        script=Markup(_template("report.js")),
        vega=Markup(_vega()) if document.charts else "",
    )


def script_json(value: object) -> str:
    """JSON that cannot close the script element it stands in."""
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def shared(views: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, Any]:
    """{"of": {variant: position}, "tables": the different bodies}: many variants have the same layers."""
    bodies: dict[str, int] = {}
    of = {name: bodies.setdefault(json.dumps(table[1:]), len(bodies)) for name, table in views.items()}
    return {"of": of, "tables": [json.loads(body) for body in bodies]}


def _data_uri(kind: str, image: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(image).decode()}"


def _template(name: str) -> str:
    return (files("edgequant.report") / "templates" / name).read_text("utf-8")


_EXPORTS = "window.vegaEmbed = vegaEmbed;"


@lru_cache(maxsize=1)
def _vega() -> str:
    """vega, vega-lite and vega-embed as one script, of the version altair writes for; nothing is downloaded."""
    bundle: str = drawing.ask("javascript_bundle", _EXPORTS, vega_lite())
    return bundle.replace("</script", "<\\/script")
