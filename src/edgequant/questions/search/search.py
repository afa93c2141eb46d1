"""Which layers take fewer bits under a budget: a run folder with a recipe file, the costs and the front."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from ...core.progress import AbstractProgress
from ...store.folder import RunFolder
from ...store.run import Run
from ...study.prepared import Prepared
from ..inquiry import inquire
from ..layers import subject
from .asked import Asked, study_of
from .searching import Searching

FILE = "search.csv"


def search(
    asked: Asked, out: Path | str | None, overrides: Sequence[str], fresh: bool, progress: AbstractProgress
) -> Run:
    """`results.json`, the recipe file, the costs as `search.csv`, and the report. Raises EdgequantError."""
    study = study_of(asked, overrides)
    number = count()

    def one(network: Prepared, folder: RunFolder) -> dict[str, Any]:
        about = subject(network, study, asked.images, folder, progress)
        at, start = next(number), time.perf_counter()
        recipe = asked.name if len(study.network) == 1 else f"{asked.name}-{at}"
        record = Searching(asked, about, folder, progress, recipe).answer()
        typed = next_command(folder.path, at, [record["schemes"][0], str(folder.path / record["chosen"]["recipe"])])
        return record | {"seconds": time.perf_counter() - start, "next": typed}

    return inquire(study, "search", one, out, fresh, progress, lambda records: {FILE: csv(records)})


def next_command(folder: Path, number: int, recipes: Sequence[str]) -> str:
    """Makes the file and measures it beside float32, of the network of that number: the study as it was searched lies
    in `folder`, with all that was typed."""
    names = json.dumps(["float32", *recipes], ensure_ascii=False)
    words = ["edgequant", "run", str(folder / "study.toml"), "--set", f"network.{number}.recipes={names}"]
    return shlex.join([*words, "--out", f"{folder}-{Path(recipes[-1]).stem}"])


def csv(records: Sequence[Mapping[str, Any]]) -> str:
    """The costs of every layer in every scheme, header first."""
    lines = ["network,layer,scheme,bytes,ms,harm,chosen"]
    for record in records:
        for one in record["layers"]:
            for o in one["options"]:
                figures = f"{o['bytes']:.0f},{o['ms']:.6g},{o['harm']:.6g},{int(o['scheme'] == one['chosen'])}"
                lines.append(f'"{record["network"]}","{one["layer"]}",{o["scheme"]},{figures}')
    return "\n".join(lines) + "\n"
