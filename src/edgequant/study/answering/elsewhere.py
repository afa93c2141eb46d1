"""The files of a study on its other devices: what each is there, and how its answers differ from those given here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core.arrays import joined
from ...core.errors import EdgequantError, RunFolderError
from ...core.preprocess import normalise
from ...data.draw import asked, drawn
from ...files.on_device import LOCAL, Sent, Wanted, benchmark_on, device_of, difference, outputs_on
from ...measure.accuracy import CLASSIFY
from .. import keys
from ..bench import Bench
from ..making.variant import Made
from .runtime import on, one_image


def others(devices: tuple[str, ...]) -> list[str]:
    return [device for device in devices if device != LOCAL]


def measure(bench: Bench, device: str, group: Sequence[Made]) -> dict[str, Any]:
    """{variant id: its record on `device`} of the files of one network, timed in turns.

    A record has "device", "status" ("ok" or "failed"), "reason", and, where it ran: "machine", "conditions",
    "latency_ms", "kernels", memory's two keys, "n", "top1" and "against_local". A device that cannot be used is no
    reason to lose the rest of a study. Not kept where it failed.
    """
    draws = {"images": asked(bench.study.device_images), "quick": asked(bench.study.quick)}
    files = {made.variant.id: made.reads() for made in group}
    try:
        inputs = {"device": device, "there": keys.component(device_of(device)), "files": files, **draws}
        return bench.kept("device", inputs, lambda _: _measure(bench, device, group), keys.measured()).value
    except RunFolderError:
        raise
    except EdgequantError as error:
        return {name: {"device": device, "status": "failed", "reason": str(error)} for name in files}


def _measure(bench: Bench, device: str, group: Sequence[Made]) -> dict[str, Any]:
    there, network = device_of(device), group[0].variant.network
    sent = {m.variant.id: Sent(m.path, m.variant.target, m.variant.backend, m.open()) for m in group}
    with bench.doing(f"{network.name}: latency on {device}") as tick:
        timed = benchmark_on(there, list(sent.values()), one_image(network), Wanted(), tick)
    about = {"device": device, "status": "ok", "reason": "", **{k: timed[k] for k in ("machine", "conditions")}}
    records = {name: {**about, **one} for name, one in zip(sent, timed["files"])}
    split = drawn(bench.judging(network), bench.study.device_images)
    for name, one in sent.items():
        with bench.doing(f"{name}: {len(split)} images on {device}") as tick:
            outputs, _ = outputs_on(there, one, split, network.captured.inputs, tick)
        here = joined([one.session.run(normalise(x, network.captured.inputs)) for x, _ in split.batches(64)])
        answers = on(split, outputs)
        records[name] |= {
            "n": answers.n,
            "top1": None if answers.terms is None else CLASSIFY.metric(answers.terms).value,
            "against_local": difference(outputs, here, one.session.only.scale),
        }
    return records
