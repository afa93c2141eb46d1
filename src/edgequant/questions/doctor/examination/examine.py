"""`edgequant doctor`: a float network, a quantized file and images; what is wrong with the file, and what to type.

Images are those of the validation split: what is mended after looking at them is chosen, and choices are never made
on test. Everything that is looked at is collected here; what it means is for the findings to say.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....backends.contract import AbstractSession
from ....catalog import BACKENDS, FINDINGS
from ....core.arrays import Array, only
from ....core.errors import BadData, BadOption
from ....core.pixels import NOTHING, Stated
from ....core.preprocess import normalise
from ....core.progress import AbstractProgress, Silent
from ....data.draw import calibration_size
from ....files.input import OpenFile, spec_for
from ....files.trial import runnable
from ....host.guest import guest
from ....recipe.recipe import parse_recipe
from ....store.disk import write_json
from ....store.folder import RunFolder
from ..confidence import confidence
from ..diagnose import diagnose
from ..evidence import CalibrationFacts, Evidence, OutputFacts, Scores
from ..facts import layer_facts, tensor_facts
from ..outputs import compare_outputs
from ..playbook import playbook
from ..ways import RECIPE, Ways
from .calibration import calibration_facts
from .feeds import feeds, input_facts
from .float_side import FloatSide, ending_alike, float_side, is_file, is_study
from .running import running
from .twin import twin_of

FED = 128  # images for each way of feeding
PUT_BACK = 256  # images for each layer that is put back to float
CHUNK = 64


@dataclass(frozen=True)
class Case:
    """What the doctor is asked. Empty options take what the source, the file or the data say."""

    source: str
    file: Path
    data: str = ""
    weights: str = ""
    calibration: str = ""
    samples: int = 0
    seed: int = 0
    target: str = ""
    images: int = 500
    network: int = 0
    pixels: Stated = NOTHING  # how the file is fed, and the network, where it does not say it
    float_pixels: Stated = NOTHING  # how the float network is fed, where that is to be otherwise


@guest
def examine(case: Case, out: Path, progress: AbstractProgress | None = None) -> dict[str, Any]:
    """{"schema", "float", "file", "target", "data", "split", "images", "healthy", "findings", "outputs",
    "confidence", "calibration", "tensors", "unseen"}, kept as `out`/doctor.json. Raises EdgequantError."""
    progress = progress or Silent()
    file = _opened(case)
    with RunFolder(out) as run:
        side = float_side(
            case.source, case.data, case.weights, case.network, (case.float_pixels, case.pixels), run, progress
        )
        side = ending_alike(side, file.backend.ending(case.file))
        evidence = _collect(case, file, side, progress)
        record = _record(case, file, side, evidence)
        write_json(out / "doctor.json", record)
    return record


def _opened(case: Case) -> OpenFile:
    """The file, opened as `case.target` says. Raises BadFile and BadOption."""
    file = runnable(case.file)
    if case.images < 1:
        raise BadOption(f"The doctor needs at least one image. Got --images {case.images}.")
    if case.target and case.target.partition(":")[0] != file.target:
        raise BadOption(f"{case.file} is opened by {file.target}. Expected --target {file.target}[:option=value].")
    return dataclasses.replace(file, backend=BACKENDS.build(case.target)) if case.target else file


def _collect(case: Case, file: OpenFile, side: FloatSide, progress: AbstractProgress) -> Evidence:
    stated = spec_for(file, case.pixels)
    if stated.shape != side.inputs.shape:
        raise BadData(
            f"{case.file} takes {stated.shape} and the float network {side.inputs.shape} (channels, height, width)."
            " Expected the same network. Name the one that the file was made from."
        )
    split = side.splits.validation
    where = np.sort(np.random.default_rng(case.seed).permutation(len(split))[: case.images])
    images, labels = split.take(where), None if split.labels is None else split.labels[where]
    session = file.backend.open(case.file)
    with progress.task(f"{case.file.name}: answers") as tick:
        scores = _scores(session, side, images, normalise(images, stated), labels, tick)
    calibration = calibration_facts(case.calibration, case.samples, case.seed, side)
    twin, unseen = twin_of(case.file, stated, side, images)
    found, unknown = running(case.file, case.target or file.target, side, normalise(images[:1], stated))
    x = normalise(images, stated)
    few = images[:FED]
    return Evidence(
        _ways(case, file, side, calibration),
        scores,
        input_facts(session, x, images),
        _output(session, file),
        feeds(file, session, stated, side.inputs, few, scores.floats[:FED].argmax(1)),
        calibration,
        tensor_facts(twin, x) if twin else (),
        layer_facts(twin, x[:PUT_BACK]) if twin else (),
        found,
        tuple(filter(None, (unseen, unknown))),
    )


def _scores(
    session: AbstractSession, side: FloatSide, images: Array, x: Array, labels: Array | None, tick: Any
) -> Scores:
    """Raises BadData where the file's scores are no scores of these classes."""
    parts = []
    for at in range(0, len(x), CHUNK):
        parts.append(only(session.run(x[at : at + CHUNK])))
        tick(min(at + CHUNK, len(x)), len(x))
    scores = Scores(side.scores(images), np.concatenate(parts).astype(np.float32), labels)
    compare_outputs(scores, OutputFacts())
    return scores


def _output(session: AbstractSession, file: OpenFile) -> OutputFacts:
    """The reals that the output's integers stand for."""
    kind = file.backend.ending(file.path)
    softmax = kind == "softmax"
    if not session.only.scale:
        return OutputFacts(softmax=softmax, squashed=kind)
    low, high = _ends(session)
    return OutputFacts(session.only.scale, low, high, softmax, kind)


def _ends(session: Any) -> tuple[float, float]:
    """What the smallest and the largest integer of the output mean."""
    limits = np.iinfo(session.only.dtype)
    low, high = only(session.decode([np.array([[limits.min, limits.max]], session.only.dtype)]))[0]
    return float(low), float(high)


def _ways(case: Case, file: OpenFile, side: FloatSide, calibration: CalibrationFacts | None) -> Ways:
    return Ways(
        case.source,
        str(case.file),
        side.data,
        study=is_study(case.source),
        remakes=not is_file(case.source),
        weights=case.weights,
        target=file.target,
        recipe=_recipe(file),
        samples=calibration_size(None, len(side.splits.train)),
        network=case.network,
        checked=calibration is not None and calibration.fit.healthy,
    )


def _recipe(file: OpenFile) -> str:
    """The file's own, where it says so and it has a name that can be typed."""
    name = str(file.metadata.get("recipe") or RECIPE)
    try:
        return name if not name.endswith(".toml") and parse_recipe(name).kind == "static" else RECIPE
    except BadOption:
        return RECIPE


def _record(case: Case, file: OpenFile, side: FloatSide, evidence: Evidence) -> dict[str, Any]:
    found = diagnose(evidence, {name: FINDINGS.build(name) for name in FINDINGS})
    return {
        "schema": "edgequant-doctor/1",
        "float": case.source,
        "file": str(case.file),
        "target": case.target or file.target,
        "data": side.data,
        "split": "validation",
        "images": len(evidence.scores.file),
        "healthy": not found,
        "findings": [dataclasses.asdict(one) for one in found],
        "outputs": compare_outputs(evidence.scores, evidence.output),
        "confidence": confidence(evidence.scores, evidence.output),
        "calibration": _calibration(evidence.calibration),
        "tensors": len(evidence.tensors),
        "unseen": list(evidence.unseen),
    }


def _calibration(facts: CalibrationFacts | None) -> dict[str, Any] | None:
    if facts is None:
        return None
    return {
        "n": facts.n,
        "seen": facts.fit.seen,
        "noise": facts.fit.noise,
        "preprocessing": facts.fit.preprocessing,
        "copies": facts.copies and dataclasses.asdict(facts.copies),
        "counts": None if facts.counts is None else [int(n) for n in facts.counts],
        "told_by": facts.told_by,
    }


def troubleshooting() -> str:
    """The text of docs/troubleshooting.md."""
    return playbook({name: FINDINGS.get(name) for name in FINDINGS})
