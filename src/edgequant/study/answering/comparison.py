"""What variants are beside one another: against their float32, against their promise, timed in turns, elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...measure.accuracy import CLASSIFY, summary
from ...measure.latency import ratio
from ..bench import Bench
from ..making.variant import Made
from ..record import Record
from . import changes, elsewhere, runtime
from .against_float import against_float
from .parity import miss, parity
from .runtime import Answered, on

Records = Mapping[str, Record]  # by variant id


def baseline(done: Answered, among: Iterable[Answered]) -> Answered | None:
    """The float32 of the same network and target."""
    ours = done.made.variant
    for other in among:
        theirs = other.made.variant
        if theirs.network is ours.network and theirs.target == ours.target and theirs.written == "float32":
            return other
    return None


def compared(bench: Bench, record: Record, done: Answered, base: Answered | None) -> Record:
    """With accuracy, drop, ratio, changed answers and parity; a file that missed its parity gate has failed, whatever
    its accuracy, and its reason says where it goes astray."""
    made, network = done.made, done.made.variant.network
    found: dict[str, Any] = summary(done.answers, base.answers if base else None, bench.study.seed)
    promised = made.promised("validation")
    if promised is not None and (terms := on(bench.choosing(network), promised).terms) is not None:
        found["validation_top1"] = CLASSIFY.metric(terms).value
    found["compression"] = made.compression
    if found["top1"] is None:
        found["reason"] = "unlabelled"
    if base:
        size_ratio = base.made.weight / made.weight
        found |= against_float(bench, done, base)
        found |= {"baseline_id": base.made.variant.id, "size_ratio": size_ratio}
        found["compression"] = {"model": size_ratio, **made.compression}
        if done is base:
            found["p_value"] = 1.0
        else:
            found["changes"] = changes.counted(done.answers, base.answers, done.split)
    found["parity"] = parity(done)
    if found["parity"] and found["parity"]["gate"] != "passed":
        where, first = miss(bench, done)
        reason = f"Parity missed: {found['parity']['reason']}; {where}."
        found |= {"status": "failed", "reason": reason, "parity": {**found["parity"], "first_difference": first}}
    return replace(record, **found)


def timed(bench: Bench, records: Records, group: Sequence[Made]) -> dict[str, Record]:
    """The records of the files of one network with their latencies, measured in turns."""
    times = runtime.latencies(bench, group).value
    one, every = times["one"], times["all"]
    found = {}
    for made in group:
        record = records[made.variant.id]
        new: dict[str, Any] = {"latency_ms": one[record.id], "latency_ms_all_threads": every[record.id]}
        if record.baseline_id in one and record.baseline_id != record.id:
            new["against_float32"] = ratio(*(one[name].get("turns", []) for name in (record.id, record.baseline_id)))
        if made.variant.written == "float32":
            new["eager_latency_ms"] = times["eager"]
        found[record.id] = replace(record, **new, conditions=times["conditions"])
    return found


def on_devices(bench: Bench, records: Records, group: Sequence[Made]) -> dict[str, Record]:
    """The records of the files of one network with what they are on the study's other devices."""
    there = [elsewhere.measure(bench, device, group) for device in elsewhere.others(bench.study.devices)]
    names = [made.variant.id for made in group]
    return {name: replace(records[name], devices=[one[name] for one in there] or None) for name in names}
