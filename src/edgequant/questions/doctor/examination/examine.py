"""`edgequant doctor`: a float network, a quantized file and images; what is wrong with the file, and what to type.

Images are those of the validation split: what is mended after looking at them is chosen, and choices are never made
on test. Everything that is looked at is collected here; what it means is for the findings to say.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ....catalog import FINDINGS
from ....core.errors import BadData, BadOption
from ....core.preprocess import normalise
from ....core.progress import AbstractProgress, Silent
from ....data.draw import calibration_size
from ....host.guest import guest
from ....recipe.recipe import parse_recipe
from ....store.disk import write_json
from ....store.folder import RunFolder
from ....study.bench import Bench
from ..case import Case
from ..confidence import confidence
from ..evidence import CalibrationFacts, Evidence, Scores
from ..finding import diagnose
from ..outputs import compare_outputs
from ..playbook import playbook
from ..remedies import RECIPE, Remedies
from .calibration import calibration_facts
from .feeds import feeds
from .file_side import FileSide, file_side
from .float_side import FloatSide, float_side
from .layers import layer_facts
from .running import running
from .tensors import tensor_facts
from .twin import twin_of

FED = 128  # images for each way of feeding
PUT_BACK = 256  # images for each layer that is put back to float


@guest
def examine(case: Case, out: Path, progress: AbstractProgress | None = None) -> dict[str, Any]:
    """{"schema", "float", "file", "target", "data", "split", "images", "healthy", "findings", "outputs",
    "confidence", "calibration", "tensors", "unseen"}, kept as `out`/doctor.json. Raises EdgequantError."""
    file = file_side(case)
    with RunFolder(out) as folder:
        bench = Bench(case.study(), folder, progress or Silent())
        floats = float_side(bench, case).ending_as(file.ends_in)
        evidence = _collect(bench, case, file, floats)
        found = diagnose(evidence, {name: FINDINGS.build(name) for name in FINDINGS})
        record = {
            "schema": "edgequant-doctor/1",
            "float": case.source,
            "file": str(case.file),
            "target": file.target,
            "data": floats.data,
            "split": "validation",
            "images": len(evidence.scores.file),
            "healthy": not found,
            "findings": [dataclasses.asdict(one) for one in found],
            "outputs": compare_outputs(evidence.scores, evidence.output),
            "confidence": confidence(evidence.scores, evidence.output),
            "calibration": evidence.calibration and evidence.calibration.record(),
            "tensors": len(evidence.tensors),
            "unseen": list(evidence.unseen),
        }
        write_json(out / "doctor.json", record)
    return record


def _collect(bench: Bench, case: Case, file: FileSide, floats: FloatSide) -> Evidence:
    """Raises BadData where the two are not the same network, and what looking at them raises."""
    if file.inputs.shape != floats.inputs.shape:
        raise BadData(
            f"{case.file} takes {file.inputs.shape} and the float network {floats.inputs.shape} (channels, height,"
            " width). Expected the same network. Name the one that the file was made from."
        )
    split = floats.splits.validation
    where = np.sort(np.random.default_rng(case.seed).permutation(len(split))[: case.images])
    images, labels = split.take(where), None if split.labels is None else split.labels[where]
    x = normalise(images, file.inputs)
    with bench.doing(f"{case.file.name}: answers") as tick:
        answers = file.scores(x, tick)
    scores, output = Scores(floats.scores(images), answers, labels), file.output_facts()
    compare_outputs(scores, output)  # refuses scores of other classes before anything is made of them
    calibration = calibration_facts(case, floats)
    twin, unseen = twin_of(file, floats, images)
    kernels, unknown = running(file, floats, x[:1])
    return Evidence(
        remedies=_remedies(case, file, floats, calibration),
        scores=scores,
        input=file.input_facts(images),
        output=output,
        feeds=feeds(file, floats.inputs, images[:FED], scores.floats[:FED].argmax(1)),
        calibration=calibration,
        tensors=tensor_facts(twin, x) if twin else (),
        layers=layer_facts(twin, x[:PUT_BACK]) if twin else (),
        running=kernels,
        unseen=tuple(filter(None, (unseen, unknown))),
    )


def _remedies(case: Case, side: FileSide, floats: FloatSide, calibration: CalibrationFacts | None) -> Remedies:
    """With the file's own recipe, where it says so and it has a name that can be typed."""
    recipe = str(side.file.metadata.get("recipe") or RECIPE)
    try:
        typed = not recipe.endswith(".toml") and parse_recipe(recipe).kind == "static"
    except BadOption:
        typed = False
    samples = calibration_size(None, len(floats.splits.train))
    checked = calibration is not None and calibration.fit.healthy
    return Remedies(case, floats.data, side.file.target, recipe if typed else RECIPE, samples, checked)


def troubleshooting() -> str:
    """The text of docs/troubleshooting.md."""
    return playbook({name: FINDINGS.get(name) for name in FINDINGS})
