"""The files of a study on its other devices: what each is there, and how its answers differ from those given here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...catalog import BACKENDS
from ...core.arrays import Outputs, joined
from ...core.errors import EdgequantError, RunFolderError
from ...core.preprocess import normalise
from ...core.progress import AbstractProgress
from ...data.draw import asked, drawn
from ...files.on_device import LOCAL, Sent, Wanted, benchmark_on, device_of, difference, outputs_on
from ...measure.accuracy import CLASSIFY
from ...measure.accuracy import judge as judged
from ...store.folder import Kept, RunFolder
from .. import keys
from ..making.variant import Variant
from .runtime import evaluation_split, read

IMAGES = 200  # of the evaluated split, unless the study says otherwise

Group = dict[str, tuple[Variant, Kept]]


def others(devices: tuple[str, ...]) -> list[str]:
    return [device for device in devices if device != LOCAL]


def measure(
    device: str, group: Group, images: int, quick: int, run: RunFolder, progress: AbstractProgress
) -> dict[str, Any]:
    """{variant id: its record on `device`} of the files of one network, timed in turns.

    A record has "device", "status" ("ok" or "failed"), "reason", and, where it ran: "machine", "conditions",
    "latency_ms", "kernels", memory's two keys, "n", "top1" and "against_local". A device that cannot be used is no
    reason to lose the rest of a study. Not cached where it failed.
    """
    try:
        return dict(_step(device, group, images, quick, run, progress).value)
    except RunFolderError:
        raise
    except EdgequantError as error:
        return {name: {"device": device, "status": "failed", "reason": str(error)} for name in group}


def _step(device: str, group: Group, images: int, quick: int, run: RunFolder, progress: AbstractProgress) -> Kept:
    files = {name: read(*one) for name, one in group.items()}
    there = keys.component(device_of(device))
    draws = {"images": asked(images), "quick": asked(quick)}
    inputs = {"device": device, "there": there, "files": files, **draws, **keys.measured()}
    return run.step("device", inputs, lambda _: _measure(device, group, images, quick, progress))


def _measure(device: str, group: Group, images: int, quick: int, progress: AbstractProgress) -> dict[str, Any]:
    there = device_of(device)
    network = next(iter(group.values()))[0].network
    sent = {name: _sent(*one) for name, one in group.items()}
    image = normalise(evaluation_split(network, 1).take(np.arange(1)), network.captured.inputs)
    with progress.task(f"{network.name}: latency on {device}") as tick:
        timed = benchmark_on(there, list(sent.values()), image, Wanted(), tick)
    about = {"device": device, "status": "ok", "reason": "", **{k: timed[k] for k in ("machine", "conditions")}}
    records = {name: {**about, **one} for name, one in zip(sent, timed["files"])}
    split = drawn(evaluation_split(network, quick), images)
    for name, one in sent.items():
        with progress.task(f"{name}: {len(split)} images on {device}") as tick:
            outputs, _ = outputs_on(there, one, split, network.captured.inputs, tick)
        here = joined([one.session.run(normalise(x, network.captured.inputs)) for x, _ in split.batches(64)])
        records[name] |= _answers(outputs, here, split.annotations(np.arange(len(split))), one)
    return records


def _sent(variant: Variant, made: Kept) -> Sent:
    backend, path = BACKENDS.build(variant.target), made.folder / made.value["file"]
    return Sent(path, variant.target, backend, backend.open(path))


def _answers(outputs: Outputs, here: Outputs, annotations: Any, one: Sent) -> dict[str, Any]:
    answers, apart = judged(outputs, annotations), difference(outputs, here, one.session.only.scale)
    top1 = None if answers.terms is None else CLASSIFY.metric(answers.terms).value
    return {"n": answers.n, "top1": top1, "against_local": apart}
