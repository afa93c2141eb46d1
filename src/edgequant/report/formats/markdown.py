"""The report as Markdown, for a code host or an editor; charts are the PNG files beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import format as fmt
from .. import markup as md
from ..document import Document, Part


def markdown(document: Document) -> str:
    """The whole report."""
    return "\n\n".join(block for block in _blocks(document) if block) + "\n"


def _blocks(document: Document) -> Iterator[str]:
    yield f"# {md.escape(document.title)}: {md.escape(document.answer)}"
    yield md.escape(document.subtitle)
    yield from (md.escape(line) for line in document.contract)
    yield from (f"> **Note.** {md.sentence(note)}" for note in document.notes)
    if document.figures:
        yield table([("Figure", "Value", "")] + [(f.label, f.value, f.note) for f in document.figures])
    for part in document.parts:
        yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    yield f"## {md.escape(part.title)}"
    yield part.text
    yield from (f"![{md.escape(chart.alt)}]({chart.stem}.png)" for chart in part.charts)
    yield " ".join(f"![{md.escape(picture.caption)}]({picture.file})" for picture in part.pictures)
    yield table(part.rows)


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table, header first; columns of numbers flush right. Empty for no rows."""
    if not rows:
        return ""
    rules = ["---:" if numeric else "---" for numeric in fmt.numeric_columns(rows)]
    lines = [[md.escape(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rules, *lines[1:]])
