"""The report before it has a format: what the sections said, and the charts drawn once for all formats."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.extras import installed, line
from ..store.run import Run
from . import format as fmt
from . import headline
from . import lookup as look
from . import markup as md
from .charts import drawing
from .contract import contract
from .section import AbstractSection

if TYPE_CHECKING:
    import altair

WITHOUT = {"charts": "No chart", "pdf": "No PDF"}  # extra -> what there is not without it
PNG_SCALE = 2
PICTURE_BYTES = 200_000
_PLAIN = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*\.png")  # needs no escaping in any format


@dataclass(frozen=True)
class Chart:
    """One chart in every form. `spec` is its Vega-Lite definition, `alt` says in words what it shows."""

    stem: str
    spec: dict[str, Any]
    svg: str
    png: bytes
    alt: str


@dataclass(frozen=True)
class Picture:
    """A small PNG of the run folder, and what it shows in words."""

    file: str
    png: bytes
    caption: str


@dataclass(frozen=True)
class Part:
    """What one section said: Markdown, a table (header first), charts and pictures."""

    key: str
    title: str
    text: str
    rows: list[tuple[str, ...]]
    charts: list[Chart]
    pictures: list[Picture]
    views: dict[str, list[tuple[str, ...]]]  # the same table for each variant, of which `rows` is the first


@dataclass(frozen=True)
class Document:
    title: str
    subtitle: str
    answer: str
    figures: list[headline.Figure]
    contract: list[str]  # what each network is fed
    notes: list[str]  # what a reader must know of every figure: a quick run, few calibration images
    parts: list[Part]

    @property
    def charts(self) -> list[Chart]:
        return [chart for part in self.parts for chart in part.charts]

    @property
    def pictures(self) -> list[Picture]:
        return [picture for part in self.parts for picture in part.pictures]


def build(run: Run, sections: Sequence[AbstractSection]) -> Document:
    """Ask each section once, on results whose text every format can hold."""
    run = Run(md.clean(run.results), run.folder)
    notes = run.results.get("notes")
    missing = [f"{what} here: {line(extra)} adds it." for extra, what in WITHOUT.items() if not installed(extra)]
    return Document(
        title=md.line(headline.title(run)),
        subtitle=_subtitle(run),
        answer=md.line(headline.answer(run)),
        figures=headline.figures(run),
        contract=[md.line(one) for one in contract(run)],
        notes=[md.line(note) for note in [*(notes if isinstance(notes, list) else []), *missing]],
        parts=[part for part in (_part(run, section) for section in sections) if part.text or part.rows or part.charts],
    )


def _part(run: Run, section: AbstractSection) -> Part:
    rows, views = _lines(section.rows(run)), {name: _lines(table) for name, table in section.views(run).items()}
    charts = [_drawn(stem, chart) for stem, chart in section.charts(run).items()] if installed("charts") else []
    pictures = [picture for file, words in section.images(run) for picture in _read(run.folder, file, words)]
    return Part(type(section).__name__.lower(), section.title, section.text(run), rows, charts, pictures, views)


def _lines(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(md.line(cell) for cell in row) for row in rows]


def _read(folder: Path, file: str, words: str) -> list[Picture]:
    """The picture; none where it is gone, is no PNG, or lies outside the run folder (results.json may be anyone's)."""
    path = folder / file
    inside = path.resolve().is_relative_to(folder.resolve()) and _PLAIN.fullmatch(file)
    if not inside or not path.is_file() or path.stat().st_size > PICTURE_BYTES:
        return []
    png = path.read_bytes()
    return [Picture(file, png, md.line(words))] if png.startswith(b"\x89PNG\r\n\x1a\n") else []


def _drawn(stem: str, chart: altair.TopLevelMixin) -> Chart:
    spec: dict[str, Any] = json.loads(_plain(chart))
    # An image has no brush, and the clip paths of one are numbered anew in every drawing.
    still = {key: value for key, value in spec.items() if key != "params"}
    if kept := [param for param in spec.get("params", []) if param.get("name") != "brush"]:
        still["params"] = kept
    svg: str = drawing.ask("vegalite_to_svg", still, vega_lite())
    png: bytes = drawing.ask("svg_to_png", svg, PNG_SCALE)
    return Chart(stem, spec, svg, png, str(spec.get("description", stem)))


def _plain(chart: altair.TopLevelMixin) -> str:
    """Its definition with the data inside, whatever theme and way with data the caller's program has chosen."""
    import altair

    with altair.theme.enable("default"), altair.data_transformers.enable("default"):
        definition: str = chart.to_json()
        return definition


def vega_lite() -> str:
    """The version of Vega-Lite that altair writes for, as vl-convert names it: `6.1`."""
    import altair

    return ".".join(altair.SCHEMA_VERSION.lstrip("v").split(".")[:2])


def _subtitle(run: Run) -> str:
    """When, on what, and how much was measured."""
    environment = look.mapping(run.results.get("environment"))
    ran, every = len(look.measured(run)), len(look.variants(run))
    parts = [fmt.plain(environment.get("time")), fmt.plain(environment.get("cpu")), f"{ran} of {every} variants ran"]
    return " · ".join(md.line(part) for part in parts if part != fmt.ABSENT)
