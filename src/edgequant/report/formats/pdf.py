"""The report as a PDF: typst lays out the same text and tables, and the charts go in as vectors."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from .. import format as fmt
from ..charts import drawing
from ..document import Chart, Document, Part, Picture
from ..headline import Figure
from .prose import literal, typst

SHORT = 700  # characters, about five lines
MAX_ROWS = 120  # of one table; longer ones (a layer table of a large network) are cut, and say so


def pdf(document: Document) -> bytes:
    """The whole report. The same document gives the same bytes: no date and no random id goes in."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for chart in document.charts:
            vector: bytes = drawing.ask("svg_to_pdf", chart.svg)  # with its fonts inside: it looks the same everywhere
            (folder / f"{chart.stem}.pdf").write_bytes(vector)
        for picture in document.pictures:
            (folder / picture.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / picture.file).write_bytes(picture.png)
        main = folder / "main.typ"
        preamble = (files("edgequant.report") / "templates" / "report.typ").read_text("utf-8")
        main.write_text(preamble + "\n".join(_blocks(document)), "utf-8")
        content: bytes = drawing.ask("typeset", str(main), str(folder))
        return content


def _blocks(document: Document) -> Iterator[str]:
    yield f"#show: report.with({literal(document.title)}, {literal(document.answer)}, {literal(document.subtitle)})"
    yield from (f"#block(text(9pt, {literal(line)}))" for line in document.contract)
    yield from (f"#note({literal(note)})" for note in document.notes)
    if document.figures:
        yield f"#figures({', '.join(_figure(figure) for figure in document.figures)})"
    for part in document.parts:
        yield from _part(part)


def _figure(figure: Figure) -> str:
    return f"({', '.join(literal(text) for text in (figure.label, figure.value, figure.note, figure.tone))})"


def _part(part: Part) -> Iterator[str]:
    yield f"= #{literal(part.title)};"
    text, shown = typst(part.text), part.charts or part.pictures or part.rows
    # a few words about a chart or a table stay on its page
    yield f"#block(sticky: true, breakable: false)[{text}]" if shown and 0 < len(part.text) <= SHORT else text
    beside = len(part.charts) == 1 and 0 < len(part.rows) <= 16 and len(part.rows[0]) <= 6
    if beside:
        yield f"#beside({_image(part.charts[0])}, [{_table(part.rows)}])"
    elif part.charts:
        yield f"#charts({', '.join(_image(chart) for chart in part.charts)},)"
    if part.pictures:
        yield f"#pictures({', '.join(_picture(picture) for picture in part.pictures)},)"
    if part.rows and not beside:
        yield _table(part.rows)


def _image(chart: Chart) -> str:
    return f"image({literal(chart.stem + '.pdf')}, alt: {literal(chart.alt)})"


def _picture(picture: Picture) -> str:
    return f"({literal(picture.file)}, {literal(picture.caption)})"


def _table(rows: Sequence[Sequence[str]]) -> str:
    aligns = ", ".join("right" if numeric else "left" for numeric in fmt.numeric_columns(rows))
    head, *body = (f"({', '.join(literal(breakable(cell)) for cell in row)},)" for row in rows[: MAX_ROWS + 1])
    rest = len(rows) - 1 - MAX_ROWS
    more = f"#note({literal(f'{rest} more rows are in report.html and report.md.')})" if rest > 0 else ""
    return f"#data(({aligns},), {head}, {', '.join(body)})\n{more}"


def breakable(cell: str) -> str:
    """A long name may break after its separators: a zero-width space stands there."""
    return re.sub(r"(?<=[-_./:])(?=\w)", "\u200b", cell) if re.search(r"[^\s]{16}", cell) else cell
