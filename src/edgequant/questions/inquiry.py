"""A run folder for a question about networks that makes no variants: sensitivity, search."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..catalog import SECTIONS
from ..core.progress import AbstractProgress
from ..report.formats.render import render
from ..store.belongings import belongings, claim
from ..store.disk import SCHEMA, write_bytes, write_json
from ..store.folder import RunFolder
from ..store.run import Run
from ..study.bench import Bench
from ..study.networks import preprocessing
from ..study.networks.network import prepare
from ..study.prepared import Prepared
from ..study.results import command, environment
from ..study.running.checks import check_names, check_networks, nothing_left
from ..study.running.draws import draw_notes
from ..study.study import Study, to_dict, to_toml

Record = dict[str, Any]


@contextmanager
def inquiry(study: Study, out: Path | str | None, fresh: bool, progress: AbstractProgress) -> Iterator[Bench]:
    """The bench that a question is answered on: its folder is `out` (default runs/NAME) and holds the study.

    What fails before the first file is written leaves no folder. Raises EdgequantError.
    """
    check_names(study)
    check_networks(study)
    path = Path(out or Path("runs") / study.name)
    new = not os.path.exists(path)  # noqa: PTH110 - False, not an error, for a name too long
    with RunFolder(path, fresh) as folder, belongings(path), nothing_left(folder, new):
        claim(path / "study.toml")
        write_bytes(path / "study.toml", to_toml(study).encode())
        yield Bench(study, folder, progress, fresh)


def prepared(bench: Bench) -> list[Prepared]:
    """The networks that are asked about, with their weights and their data."""
    return [prepare(bench, spec) for spec in bench.study.network]


def answered(
    bench: Bench, networks: Sequence[Prepared], answer: Mapping[str, list[Record]], files: Mapping[str, Any]
) -> Run:
    """`results.json` and the report. `answer`: under the question's name, which is its section's, a record of each
    network. `files`: what else is written, by name: text as it is, anything else as JSON.
    """
    path, study = bench.folder.path, bench.study
    notes = [f"{n.name} on {n.data}: weights {n.provenance}. {n.splits.note}".strip() for n in networks]
    results = {
        "schema": SCHEMA,
        "study": to_dict(study),
        "environment": environment(study.seed, command(), path),
        "notes": notes + draw_notes(study, zip(study.network, networks), always=True),
        "preprocessing": preprocessing.record(networks),
        "recommended": None,
        "recommendation_reason": "Nothing was made: this run asks about layers.",
        "variants": [],
        "criteria": [],
        **answer,
    }
    for name, data in {"results.json": results, **files}.items():
        claim(path / name)
        write_bytes(path / name, data.encode()) if isinstance(data, str) else write_json(path / name, data)
    finished = Run(results, path)
    render(finished, [SECTIONS.build(name) for name in (*answer, "environment")])
    return finished
