"""What quantizing each layer costs: calibrate, ask about every layer, and say which to keep wider."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...catalog import BACKENDS
from ...core.arrays import Array
from ...core.errors import BadOption, Unsupported
from ...core.progress import AbstractProgress
from ...core.registry import unknown
from ...quantization.reference import Reference
from ...recipe.recipe import ACTIVATION_BITS, WEIGHT_BITS
from ...search import divergence, engine, fisher, screen
from ...search.forms import FLOAT, Form, alone, together
from ...store.belongings import claim
from ...store.disk import write_json
from ...store.folder import RunFolder
from ...store.run import Run
from ...study.networks.float_first import unfit
from ...study.prepared import Prepared
from ...study.study import Study, check
from ...study.widths import parse_bits
from ..inquiry import inquire
from ..layers import SEED, Subject, run_engine, subject
from ..source import study_from
from . import rows
from .asked import FAST_IMAGES, Asked

MODES = {
    "exact": "every layer on every image",
    "screened": "successive halving: the most sensitive layers, from as few images as it takes",
    "fast": "second order, from a few passes: a predicted divergence, no accuracy",
}
TOP = 10
FILE = "sensitivity.csv"


def study_of(asked: Asked, overrides: Sequence[str] = ()) -> Study:
    """Raises BadOption."""
    check_asked(asked)
    study = study_from(asked, overrides, "sensitivity")
    title = f"Sensitivity: {study.title}"
    return check(dataclasses.replace(study, title=title, recipes=("float32",), targets=("simulation",)))


def ask(asked: Asked, out: Path | str | None, overrides: Sequence[str], fresh: bool, progress: AbstractProgress) -> Run:
    """`results.json`, `sensitivity.json`, `sensitivity.csv`, the report, and what Model Explorer opens."""
    study = study_of(asked, overrides)

    def one(network: Prepared, folder: RunFolder) -> dict[str, Any]:
        about = subject(network, study, asked.images, folder, progress)
        record = analyse(asked, about, progress)
        return record | {"overlay": overlay(about, record, folder)}

    def files(records: list[dict[str, Any]]) -> dict[str, Any]:
        return {FILE: rows.csv(records), "sensitivity.json": {"sensitivity": records}}

    return inquire(study, "sensitivity", one, out, fresh, progress, files)


def overlay(about: Subject, record: Mapping[str, Any], folder: RunFolder) -> dict[str, Any]:
    """A w8a8 .tflite and the divergence of each layer at the lowest width as node data; or why there is none."""
    from ...backends.tflite.overlay import node_data

    lowest, name = min(record["weight_bits"]), about.network.name
    path = folder.path / "artifacts" / f"{name}-w8a8.tflite"
    path.parent.mkdir(exist_ok=True)
    beside = path.with_suffix(".overlay.json")
    claim(path, path.with_suffix(".names.json"), beside)
    try:
        BACKENDS.build("litert").lower(about.reference(8, 8), path)
    except Unsupported as error:
        return {"file": None, "reason": str(error)}
    found = [row for row in record["rows"] if row["kind"] == "alone" and row["weight_bits"] == lowest]
    title = f"KL divergence, each layer alone at w{lowest}a{record['activation_bits']}"
    write_json(beside, node_data(path, {r["layer"]: r["kl"] for r in found}, title))
    return {"file": f"artifacts/{path.name}", "node_data": f"artifacts/{path.stem}.overlay.json"}


def check_asked(asked: Asked) -> tuple[int, ...]:
    """The widths. Raises BadOption."""
    if asked.mode not in MODES:
        raise BadOption(unknown("mode", asked.mode, MODES))
    if asked.activation_bits not in ACTIVATION_BITS:
        raise BadOption(f"--activation-bits takes 2 to 16. Got {asked.activation_bits}. Write --activation-bits 8.")
    if asked.images < 2 or not 0 <= asked.threshold < math.inf:
        raise BadOption(
            f"--images must be at least 2 and --threshold at least 0. Got {asked.images} and {asked.threshold:g}."
        )
    return parse_bits(asked.bits, "--bits", WEIGHT_BITS)


def analyse(asked: Asked, about: Subject, progress: AbstractProgress) -> dict[str, Any]:
    """The record of one network: a row for each layer and question, and the recommendation."""
    widths, start = check_asked(asked), time.perf_counter()
    references = {bits: about.reference(bits, asked.activation_bits) for bits in widths}
    with progress.task(f"{about.network.name}: {asked.mode}, {len(about.images)} images") as tick:
        found = ASK[asked.mode](asked, about, references, tick)
    seconds = time.perf_counter() - start
    record = {
        "network": about.network.name,
        "data": about.network.data,
        "mode": asked.mode,
        "split": "validation",
        "n": len(about.images),
        "seed": SEED,
        "threshold": asked.threshold,
        "weight_bits": list(widths),
        "activation_bits": asked.activation_bits,
        "seconds": seconds,
        "rows": found,
    }
    lowest = min(widths)
    kept = rows.keep_wider(found, lowest)
    wide, words = (about.reference(8, asked.activation_bits), "at 8-bit weights") if lowest < 8 else (None, "in float")
    tried = mixed(about, references[lowest], wide, kept)
    unsure = rows.keep_wider(found, lowest, rows.UNSURE)
    advice = rows.advice(about, references[lowest], words, kept, tried, unsure)
    fault = unfit(about.network.provenance, tried["float"].numpy(), about.labels)
    advice["text"] = f"{fault} Nothing is advised. For the record: {advice['text']}" if fault else advice["text"]
    return record | {"advice": advice, "unfit": fault}


def _exact(asked: Asked, about: Subject, references: Mapping[int, Reference], tick: engine.Tick) -> list[rows.Row]:
    """Each layer alone, all widths in one pass; then, for each width, each layer spared."""
    captured, passes = about.network.captured, len(references) + 1

    def part(number: int) -> engine.Tick:
        return lambda done, total: tick(number * total + done, passes * total)

    questions = [
        engine.Question(f"{bits}:{step}", step, form)
        for bits, reference in references.items()
        for step, form in alone(reference).items()
    ]
    answered = engine.ask(engine.Engine(captured, {}), about.batches, questions, part(0))
    found = rows.alone(asked, about, references, answered)
    for number, (bits, reference) in enumerate(references.items()):
        asks = [engine.Question(step.name, step.name, FLOAT) for step in captured.program.layers]
        spared = engine.ask(engine.Engine(captured, together(reference)), about.batches, asks, part(number + 1))
        found += rows.spared(asked, about, bits, answered.base, spared)
    return found


def _screened(asked: Asked, about: Subject, references: Mapping[int, Reference], tick: engine.Tick) -> list[rows.Row]:
    """The narrowest width only: the other widths follow its order."""
    bits, reference = min(references.items())
    base, program = engine.Engine(about.network.captured, {}), about.network.captured.program
    forms, size = alone(reference), engine.batch_size(about.network.captured)

    def measure(keys: Sequence[str], first: int, end: int) -> dict[str, Array]:
        asks = [engine.Question(key, key, forms[key]) for key in keys]
        answered = engine.ask(base, engine.batches(about.images[first:end], size), asks, lambda done, total: None)
        tick(end, len(about.images))
        logs = divergence.log_probabilities(answered.base, program)
        return {k: divergence.kl(logs, divergence.log_probabilities(answered.scores[k], program)) for k in keys}

    return rows.screened(asked, about, bits, screen.screen(list(forms), len(about.images), TOP, measure))


def _fast(asked: Asked, about: Subject, references: Mapping[int, Reference], tick: engine.Tick) -> list[rows.Row]:
    captured = about.network.captured
    images = engine.batches(about.images[:FAST_IMAGES], engine.batch_size(captured))
    forms = {str(bits): alone(reference) for bits, reference in references.items()}
    return rows.fast(asked, about, fisher.scores(captured, images, forms, tick, seed=SEED), TOP, sum(map(len, images)))


ASK = {"exact": _exact, "screened": _screened, "fast": _fast}


def mixed(about: Subject, narrow: Reference, wide: Reference | None, kept: Sequence[str]) -> dict[str, torch.Tensor]:
    """Simulated scores of the float network, of all layers narrow, and of the `kept` ones wide (None: in float)."""
    captured = about.network.captured
    forms = together(narrow)
    wider = together(wide) if wide else dict.fromkeys(forms, FLOAT)
    steps = {step.layer: step.name for step in captured.program.layers}
    chosen: dict[str, Form] = {**forms, **{steps[layer]: wider[steps[layer]] for layer in kept}}
    runs = {"float": engine.Engine(captured, {}), "narrow": engine.Engine(captured, forms)}
    runs["mixed"] = engine.Engine(captured, chosen)
    return {name: run_engine(one, about) for name, one in runs.items()}
