"""report.md, report.html, report.pdf, the charts and the model card, all from one reading of the results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ...core.errors import RunFolderError
from ...core.extras import installed
from ...store.belongings import claim
from ...store.disk import writing
from ...store.run import Run
from .. import markup as md
from ..charts import drawing
from ..document import build
from ..section import AbstractSection
from .card import card
from .html import html
from .markdown import markdown
from .pdf import pdf


def render(run: Run, sections: Sequence[AbstractSection]) -> list[Path]:
    """Write the report of `run` into its folder, and say which files that made; without the extra `pdf`, no PDF.

    The sections come in the order of the report. A file that is there is replaced only by a
    whole one. The same results give the same bytes. Raises RunFolderError.
    """
    with writing(run.folder), drawing.at_hand():  # the drawing, too, needs a place for its files
        document = build(run, sections)
        made = {"report.md": markdown(document).encode(), "report.html": html(document).encode()}
        if installed("pdf"):
            made["report.pdf"] = pdf(document)
    for chart in document.charts:
        made |= {f"{chart.stem}.png": chart.png, f"{chart.stem}.svg": chart.svg.encode()}
    described = card(Run(md.clean(run.results), run.folder))
    if described:
        made["artifacts/README.md"] = described.encode()
    claim(*(run.folder / name for name in made))
    for name, content in made.items():
        _replace(run.folder / name, content)
    return [run.folder / name for name in made]


def _replace(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(content)
        scratch.replace(path)
    except OSError as error:
        raise RunFolderError(
            f"{path} could not be written: {error.strerror or error}."
            " Check the folder's permissions and free space, or name another with --out."
        ) from error
    finally:
        with suppress(OSError):  # where nothing may be written, nothing is left
            scratch.unlink(missing_ok=True)
