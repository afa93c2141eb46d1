"""A run folder for a question about networks that makes no variants: sensitivity, search."""

from __future__ import annotations

import os
from collections.abc import Callable
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

Records = list[dict[str, Any]]
Files = Callable[[Records], dict[str, Any]]
Answer = Callable[[Prepared, RunFolder], dict[str, Any]]


def inquire(
    study: Study,
    key: str,
    answer: Answer,
    out: Path | str | None,
    fresh: bool,
    progress: AbstractProgress,
    files: Files = lambda _: {},
) -> Run:
    """`results.json` with a record of each network under `key`, and the report: the section of that name.

    `files`: what else is written of the records, by name: text as it is, anything else as JSON. Raises EdgequantError.
    """
    check_names(study)
    check_networks(study)
    path = Path(out or Path("runs") / study.name)
    new = not os.path.exists(path)  # noqa: PTH110 - False, not an error, for a name too long
    with RunFolder(path, fresh) as folder, belongings(path), nothing_left(folder, new):
        claim(path / "study.toml")
        write_bytes(path / "study.toml", to_toml(study).encode())
        networks = [prepare(Bench(study, folder, progress, fresh), spec) for spec in study.network]
        records = [answer(network, folder) for network in networks]
        finished = Run(_results(study, key, records, networks, path), path)
        for name, data in {"results.json": finished.results, **files(records)}.items():
            claim(path / name)
            write_bytes(path / name, data.encode()) if isinstance(data, str) else write_json(path / name, data)
        render(finished, [SECTIONS.build(name) for name in (key, "environment")])
        return finished


def _results(
    study: Study, key: str, records: list[dict[str, Any]], networks: list[Prepared], folder: Path
) -> dict[str, Any]:
    notes = [f"{n.name} on {n.data}: weights {n.provenance}. {n.splits.note}".strip() for n in networks]
    notes += draw_notes(study, zip(study.network, networks), always=True)
    return {
        "schema": SCHEMA,
        "study": to_dict(study),
        "environment": environment(study.seed, command(), folder),
        "notes": notes,
        "preprocessing": preprocessing.record(networks),
        "recommended": None,
        "recommendation_reason": "Nothing was made: this run asks about layers.",
        "variants": [],
        "criteria": [],
        key: records,
    }
