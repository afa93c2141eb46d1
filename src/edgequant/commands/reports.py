"""`report`, `compare`: what is read from finished runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..core.help import Help
from .options import Mlflow


def report(folder: Annotated[Path, Help("A run folder with a results.json.")], mlflow: Mlflow = "") -> None:
    """Render the report again from what is on disk."""
    from .. import api

    for path in api.report(folder):
        typer.echo(path)
    if mlflow:
        from ..report import tracking
        from ..store.disk import read_results
        from ..store.run import Run

        run, record = read_results(folder)
        typer.echo(f"MLflow run {tracking.log(Run(record, run), mlflow)}")


def compare(
    first: Annotated[Path, Help("A run folder, or its results.json: how it was.", metavar="RUN_A")],
    second: Annotated[Path, Help("Another run of the same study: how it is.", metavar="RUN_B")],
) -> None:
    """Compare two runs and report regressions larger than noise. Exits with 1 if there are any."""
    from ..console.runs import show_changes
    from ..questions.compare import compare as compared
    from ..questions.compare import worse

    changes = compared(first, second)
    show_changes(changes)
    raise typer.Exit(int(worse(changes)))
