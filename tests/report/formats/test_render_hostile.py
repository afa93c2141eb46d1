"""Names and reasons from outside, in every format, and the same bytes each time."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from edgequant.catalog import SECTIONS
from edgequant.report.formats.render import render
from edgequant.store.run import Run
from report_sample import results

HOSTILE = (
    '</script><img src=x onerror=alert(1)>|`"\\#import "x"\n# h\n![p](http://e.com/p.png)\x00\ud800\u202e{{7*7}}$x$'
)
KEPT = {"status", "kind", "file", "gate", "mode", "schema", "recommended"}


def poisoned(value: Any, key: str = "") -> Any:
    """Every text, the ids and their references alike, with something nasty at its end."""
    if isinstance(value, dict):
        return {k: poisoned(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(item, key) for item in value]
    return value + HOSTILE if isinstance(value, str) and key not in KEPT else value


def small(extra: int = 0) -> dict[str, Any]:
    """A run of two variants and few layers, so that it is drawn quickly."""
    content = results()
    content["variants"] = [v for v in content["variants"] if v["model"] == "micro_cnn"]
    content["recommended"] = "micro_cnn-w8a8-litert"
    for variant in content["variants"]:
        variant["layers"] = (variant.get("layers") or [])[:2] * (1 + extra)
    return content


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile")
    content = poisoned(small())
    content["recommended"] = "micro_cnn-w8a8-litert" + HOSTILE
    content["notes"] = [HOSTILE]
    render(Run(content, path), [SECTIONS.build(name) for name in SECTIONS])
    return path


class Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.handled = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.handled += data


def test_html_holds_it_as_text(folder):
    page = Page((folder / "report.html").read_text())
    assert page.tags.count("img") == 7  # the charts
    assert page.tags.count("script") == 7 + 1 + 2  # their definitions, layers, vega and ours
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert all(v.startswith("data:") for n, v in page.attributes if n == "src")
    assert page.handled.count("{{7*7}}$x$") > 20  # shown as it is, and no template ran it


def test_markdown_tables_keep_their_shape(folder):
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse((folder / "report.md").read_text())
    inline = [child for token in tokens for child in token.children or []]
    assert not [t for t in [*tokens, *inline] if t.type.startswith("html") or t.type == "link_open"]
    pictures = [child.attrs["src"] for child in inline if child.type == "image"]
    stems = ["pareto_chart", "pareto_size", "confusion_change", "parallel_coordinates", "sensitivity", "search"]
    stems.append("latency_chart")
    assert pictures == [f"{stem}.png" for stem in stems]
    parts = len(list(SECTIONS)) - 1  # ptq_or_qat knows no recipe of such a name
    assert sum(token.type == "table_open" for token in tokens) == 1 + parts
    assert [t.tag for t in tokens if t.type == "heading_open"] == ["h1"] + ["h2"] * parts


def test_pdf_and_charts_are_drawn(folder):
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
    svg = (folder / "pareto_chart.svg").read_text()
    assert "<img" not in svg and "<script" not in svg and "\x00" not in svg


def test_the_same_results_give_the_same_bytes(tmp_path):
    sections = [SECTIONS.build(name) for name in ("recommendation", "accuracy", "layers")]
    first, second = (render(Run(small(100), tmp_path / name), sections) for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second))
    assert "more rows" not in (tmp_path / "a" / "report.md").read_text()
