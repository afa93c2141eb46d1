"""The files of a report."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from edgequant.catalog import SECTIONS
from edgequant.core.errors import RunFolderError
from edgequant.report.formats.render import render
from edgequant.store.run import Run
from report_sample import results


def sections():
    return [SECTIONS.build(name) for name in SECTIONS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("report")
    made = render(Run(results() | {"notes": ["Measured on 1,000 images (--quick)"]}, path), sections())
    assert sorted(made) == sorted(p for p in path.rglob("*") if p.is_file())
    return path


class Elements(HTMLParser):
    """Every start tag of a page, with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_every_chart_is_there_twice(folder):
    for stem in ("pareto_chart", "pareto_size", "parallel_coordinates", "latency_chart"):
        png = (folder / f"{stem}.png").read_bytes()
        assert png.startswith(b"\x89PNG") and int.from_bytes(png[16:20]) > 1200
        svg = (folder / f"{stem}.svg").read_text()
        assert svg.startswith("<svg") and "mobilenet_v2" in svg


def test_the_pdf_has_pages(folder):
    pdf = (folder / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and len(pdf) > 50_000
    pages = len(re.findall(rb"/Type ?/Page\b", pdf))
    assert 2 <= pages <= 10


def test_the_markdown_has_all_sections_and_its_pictures(folder):
    text = (folder / "report.md").read_text()
    assert text.startswith("# flagship: Ship mobilenet_v2-w8a8-qat.tflite")
    assert "> **Note.** Measured on 1,000 images (--quick)." in text
    for name in SECTIONS:
        assert f"## {SECTIONS.build(name).title}" in text
    pictures = re.findall(r"\]\((\S+\.png)\)", text)
    assert len(pictures) == 9 and all((folder / name).is_file() for name in pictures)
    tables = [t for t in MarkdownIt("commonmark").enable("table").parse(text) if t.type == "table_open"]
    assert len(tables) == 1 + len(list(SECTIONS))


def test_the_page_asks_nobody_for_anything(folder):
    page = (folder / "report.html").read_text()
    elements = Elements(page).found
    addresses = [a[key] or "" for _, a in elements for key in ("src", "href", "srcset", "data") if key in a]
    assert addresses and all(address.startswith(("data:", "#")) for address in addresses)
    assert "url(" not in page.split("<style>")[1].split("</style>")[0]
    (policy,) = [a["content"] for tag, a in elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy and policy.startswith("default-src 'none'") and "http" not in policy
    assert "http-equiv" not in page.split("Content-Security-Policy")[1].split("<body>")[0]


def test_the_page_is_accessible(folder):
    elements = Elements((folder / "report.html").read_text()).found
    assert all(a.get("alt") for tag, a in elements if tag == "img")
    assert ("html", {"lang": "en"}) in elements
    assert sum(tag == "h1" for tag, _ in elements) == 1
    assert all(a.get("tabindex") == "0" and a.get("aria-label") for _, a in elements if a.get("class") == "scroll")
    identifiers = [a["id"] for _, a in elements if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    assert {f"#{i}" for i in identifiers} >= {a["href"] for tag, a in elements if tag == "a"}


def test_vega_is_there_once(folder):
    page = (folder / "report.html").read_text()
    assert page.count("window.vegaEmbed=") == 1
    assert page.count('<script type="application/json"') == 9 + 1  # charts, and the layers of each variant


def test_the_first_screen_is_the_answer(folder):
    head = (folder / "report.html").read_text().split("<nav")[0]
    assert "<h1>Ship mobilenet_v2-w8a8-qat.tflite</h1>" in head
    assert re.findall(r"<strong>(.+?)</strong>", head) == ["94.06%", "2.46 MB", "0.23 ms", "99.9998%"]
    assert "Measured on 1,000 images (--quick)" in head


def test_a_run_where_everything_failed_still_has_a_report(tmp_path):
    content = results() | {"recommended": None, "sweep": {"rows": []}, "sensitivity": [], "search": []}
    content["variants"] = [
        {"id": v["id"], "status": "failed", "reason": "The converter stopped"} for v in content["variants"]
    ]
    made = render(Run(content, tmp_path), sections())
    assert [path.name for path in made] == ["report.md", "report.html", "report.pdf"]
    text = (tmp_path / "report.md").read_text()
    assert "None of the 16 variants ran" in text and "`micro_cnn-w8a8-litert`: The converter stopped." in text
    assert "vegaEmbed=" not in (tmp_path / "report.html").read_text()


def test_an_empty_results_file_still_has_a_report(tmp_path):
    assert len(render(Run({}, tmp_path / "new"), sections())) == 3


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"report\.md could not be written: .*--out"):
        render(Run({}, tmp_path / "file"), [])


def test_nothing_half_written_is_left(tmp_path):
    (tmp_path / "report.md").mkdir()  # cannot be replaced by a file
    with pytest.raises(RunFolderError):
        render(Run({}, tmp_path), [])
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
