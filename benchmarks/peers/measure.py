"""Accuracy and latency of every tool's file, with edgequant's own `evaluate` and stopwatch."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from networks import DATA
from tools import BASELINES, TOOLS, Tool

from edgequant.catalog import BACKENDS, DATASETS
from edgequant.core.image import InputSpec
from edgequant.data.dataset import AbstractSplit
from edgequant.files.files import open_file
from edgequant.host.machine import conditions, machine
from edgequant.measure.accuracy import Answers, evaluate, summary
from edgequant.measure.latency import benchmark
from edgequant.store.artifact import artifact
from edgequant.tasks.classify import unpack_hits

BUDGET = {"warmup_s": 0.5, "min_runs": 200, "max_runs": 20_000, "budget_s": 5.0}


def made(folder: Path) -> dict[Tool, Path]:
    """The tools whose file is there."""
    found = {}
    for tool in TOOLS:
        record = folder / f"{tool.key}.json"
        if record.exists():
            found[tool] = folder / json.loads(record.read_text())["file"]
    return found


def accuracy(folder: Path, asked: Sequence[str]) -> None:
    """Full test split. FOLDER/SCRIPT.accuracy.json: bytes, sha256, n, top1, top1_ci95, hits, kernels.

    A file that was measured already, by its sha256, is not measured again.
    """
    files = made(folder)
    split = test_split(inputs_of(folder))
    for tool, path in files.items():
        record, found = folder / f"{tool.key}.accuracy.json", artifact(path)
        known = json.loads(record.read_text()) if record.exists() else {}
        if tool.key in asked and known.get("sha256") != found.sha256:
            figures = answers(path, inputs_of(folder), split)
            record.write_text(json.dumps({"bytes": found.bytes, "sha256": found.sha256, **figures}))
            print(f"{folder.name}: {tool.label} in {tool.runtime}: {figures['top1']:.2%}", flush=True)


def inputs_of(folder: Path) -> InputSpec:
    return InputSpec(**json.loads((folder / "inputs.json").read_text())["inputs"])


def test_split(inputs: InputSpec) -> AbstractSplit:
    split = DATASETS.build(DATA).load(inputs).test
    assert split is not None
    return split


def answers(path: Path, inputs: InputSpec, split: AbstractSplit) -> dict[str, Any]:
    """Ours says how pixels become its input; the others take what the network takes."""
    file = open_file(path)
    found = evaluate(lambda: file.backend.open(path), split, file.inputs or inputs)
    figures = summary(found, None, 0)
    kept = {key: figures[key] for key in ("n", "top1", "top1_ci95", "hits")}
    return {**kept, "kernels": file.backend.open(path).kernels()}


def drops(folder: Path, key: str, runtime: str) -> dict[str, Any]:
    """Points lost against the float file of the same runtime, paired image by image."""
    one, base = (json.loads((folder / f"{name}.accuracy.json").read_text()) for name in (key, BASELINES[runtime]))
    hits, before = (unpack_hits(record["hits"], record["n"]) for record in (one, base))
    figures = summary(_answers(hits), _answers(before), 0)
    return {name: figures[name] for name in ("drop", "drop_ci95", "p_value")}


def _answers(hits: Any) -> Answers:
    """Of a tool whose scores were not kept: whether each image was right is all that a drop needs."""
    return Answers({"scores": np.zeros((len(hits), 0), np.float32)}, None, {"top1": hits})


def latency(folder: Path) -> None:
    """Files of one runtime take turns in this process, one thread. FOLDER/latency.json, with the machine's state."""
    before, found = conditions(), {}
    image = np.random.default_rng(0).uniform(-1, 1, (1, *inputs_of(folder).shape)).astype(np.float32)
    for runtime in BASELINES:
        backend = BACKENDS.build(runtime)
        files = {tool.key: path for tool, path in made(folder).items() if tool.runtime == runtime}
        sessions = {key: backend.open(path, 1) for key, path in files.items()}
        found |= benchmark(sessions, image, threads=1, **BUDGET) if sessions else {}
    state = {"before": before, "after": conditions(), "pinned": len(os.sched_getaffinity(0))}
    record = {"machine": machine(), "conditions": state, "protocol": BUDGET, "files": found}
    (folder / "latency.json").write_text(json.dumps(record))
