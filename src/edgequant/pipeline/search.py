"""Which layers take fewer bits under a budget: a run folder with a recipe file, the costs and the front."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.progress import AbstractProgress
from ..core.records import Run
from ..core.rundir import RunFolder
from .inquiry import inquire
from .network import Prepared
from .search_asked import Asked, study_of
from .searching import Searching
from .sensitivity import subject

FILE = "search.csv"


def search(
    asked: Asked, out: Path | str | None, overrides: Sequence[str], fresh: bool, progress: AbstractProgress
) -> Run:
    """`results.json`, the recipe file, the costs as `search.csv`, and the report. Raises EdgequantError."""
    study = study_of(asked, overrides)

    def one(network: Prepared, folder: RunFolder) -> dict[str, Any]:
        about = subject(network, study, asked.images, folder, progress)
        start = time.perf_counter()
        record = Searching(asked, about, folder, progress).answer()
        return record | {"seconds": time.perf_counter() - start}

    return inquire(study, "search", one, out, fresh, progress, lambda records: {FILE: csv(records)})


def csv(records: Sequence[Mapping[str, Any]]) -> str:
    """The costs of every layer in every scheme, header first."""
    lines = ["network,layer,scheme,bytes,ms,harm,chosen"]
    for record in records:
        for one in record["layers"]:
            for o in one["options"]:
                figures = f"{o['bytes']:.0f},{o['ms']:.6g},{o['harm']:.6g},{int(o['scheme'] == one['chosen'])}"
                lines.append(f'"{record["network"]}","{one["layer"]}",{o["scheme"]},{figures}')
    return "\n".join(lines) + "\n"
