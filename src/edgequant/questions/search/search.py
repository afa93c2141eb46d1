"""Which layers take fewer bits under a budget: a run folder with a recipe file, the costs and the front."""

from __future__ import annotations

import dataclasses
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...measure.latency import ratio
from ...search import allocate
from ...store.disk import csv_text
from ...store.run import Run
from ...study.bench import Bench
from ...study.networks.float_first import unfit
from ..inquiry import answered, prepared
from ..layers import subject
from .asked import AskedSearch
from .choosing import Priced, fitting, limits
from .mixes import Mixes, costs

FILE = "search.csv"
FRONT = 7  # budgets on the Pareto front


def search(asked: AskedSearch, bench: Bench) -> Run:
    """`results.json`, the recipe files, the costs as `search.csv`, and the report. Raises EdgequantError."""
    networks, records, folder = prepared(bench), [], bench.folder.path
    for number, network in enumerate(networks):
        about, start = subject(bench, network, asked.images), time.perf_counter()
        recipe = asked.name if len(networks) == 1 else f"{asked.name}-{number}"
        record = answer(Mixes(asked, about, bench, recipe))
        typed = next_command(folder, number, [record["schemes"][0], str(folder / record["chosen"]["recipe"])])
        records.append(record | {"seconds": time.perf_counter() - start, "next": typed})
    return answered(bench, networks, {"search": records}, {FILE: csv(records)})


def answer(mixes: Mixes) -> dict[str, Any]:
    """The record of one network: costs, the front, the choice, its file."""
    asked, about = mixes.asked, mixes.about
    mixes.bench.folder.path.joinpath("artifacts").mkdir(exist_ok=True)
    truth = about.scores({})
    priced = Priced(mixes, costs(mixes), mixes.file(mixes.base, mixes.schemes[0]), truth)
    within = limits(priced)
    front = allocate.front(priced.costs, FRONT, within.ms)
    for choice in front:
        priced.point(choice)
    chosen, made = fitting(priced, within)
    both = None
    if made["file"] and made is not priced.whole:
        files = {"base": priced.whole["file"], "chosen": made["file"]}
        both = mixes.timed(files, "timing both files in turns")
    layers = [
        {"layer": layer, "chosen": chosen[layer], "options": [dataclasses.asdict(o) for o in several]}
        for layer, several in priced.costs.items()
    ]
    return {
        "network": about.network.name,
        "data": about.network.data,
        "target": asked.target,
        "schemes": list(mixes.schemes),
        "n": len(about.images),
        "split": "validation",
        "budget": {"bytes": asked.max_bytes, "ms": asked.max_ms, "drop": asked.drop},
        "layers": layers,
        "base": priced.point(mixes.base) | {"measured": priced.whole},
        "front": sorted(priced.points.values(), key=lambda point: float(point["bytes"])) if front else [],
        "chosen": priced.point(chosen) | {"measured": made, "recipe": mixes.write(chosen)},
        "both": both,
        "ratio": ratio(both["chosen"]["turns"], both["base"]["turns"]) if both else None,
        "unfit": unfit(about.network.provenance, truth.numpy(), about.labels),
    }


def next_command(folder: Path, number: int, recipes: Sequence[str]) -> str:
    """Makes the file and measures it beside float32, of the network of that number: the study as it was searched lies
    in `folder`, with all that was typed."""
    names = json.dumps(["float32", *recipes], ensure_ascii=False)
    words = ["edgequant", "run", str(folder / "study.toml"), "--set", f"network.{number}.recipes={names}"]
    return shlex.join([*words, "--out", f"{folder}-{Path(recipes[-1]).stem}"])


def csv(records: Sequence[Mapping[str, Any]]) -> str:
    """The costs of every layer in every scheme, header first."""
    lines: list[list[Any]] = [["network", "layer", "scheme", "bytes", "ms", "harm", "chosen"]]
    for record in records:
        for one in record["layers"]:
            for o in one["options"]:
                figures = (f"{o['bytes']:.0f}", f"{o['ms']:.6g}", f"{o['harm']:.6g}", int(o["scheme"] == one["chosen"]))
                lines.append([record["network"], one["layer"], o["scheme"], *figures])
    return csv_text(lines)
