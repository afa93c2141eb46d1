"""A run folder for a question about networks that makes no variants: sensitivity, search."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..catalog import SECTIONS
from ..core.disk import remove, write_bytes, write_json
from ..core.errors import EdgequantError
from ..core.progress import AbstractProgress
from ..core.records import Run
from ..core.rundir import RunFolder
from ..report.render import render
from ..study import Study, to_dict, to_toml
from .checks import check_names, check_networks
from .network import Prepared, prepare
from .results import SCHEMA, environment

Answer = Callable[[Prepared, RunFolder], dict[str, Any]]


def inquire(
    study: Study, key: str, answer: Answer, out: Path | str | None, fresh: bool, progress: AbstractProgress
) -> Run:
    """`results.json` with a record of each network under `key`, and the report: the section of that name.

    Raises EdgequantError.
    """
    check_names(study)
    check_networks(study)
    path = Path(out or Path("runs") / study.name)
    new = not path.exists()
    with RunFolder(path, fresh) as folder, _nothing_left(folder, new):
        write_bytes(path / "study.toml", to_toml(study).encode())
        networks = [prepare(spec, study.seed, folder, progress, fresh) for spec in study.network]
        records = [answer(network, folder) for network in networks]
        finished = Run(_results(study, key, records, networks), path)
        write_json(path / "results.json", finished.results)
        render(finished, [SECTIONS.build(name) for name in (key, "environment")])
        return finished


def _results(study: Study, key: str, records: list[dict[str, Any]], networks: list[Prepared]) -> dict[str, Any]:
    notes = [f"{n.name} on {n.data}: weights {n.provenance}. {n.splits.note}".strip() for n in networks]
    return {
        "schema": SCHEMA,
        "study": to_dict(study),
        "environment": environment(study.seed, _command()),
        "notes": notes,
        "recommended": None,
        "recommendation_reason": "Nothing was made: this run asks about layers.",
        "variants": [],
        "criteria": [],
        key: records,
    }


def _command() -> str:
    return " ".join(["edgequant", *sys.argv[1:]]) if Path(sys.argv[0]).stem == "edgequant" else "edgequant (Python)"


@contextmanager
def _nothing_left(folder: RunFolder, new: bool) -> Iterator[None]:
    """A folder that this run made goes again where it is refused before any of its work was done."""
    try:
        yield
    except EdgequantError:
        if new and not any(folder.steps.iterdir()):
            remove(folder.path)
        raise
