"""What variants are beside one another: against their float32, against their promise, timed in turns, elsewhere."""

from __future__ import annotations

from typing import Any

from ...core.progress import AbstractProgress
from ...measure.accuracy import summary
from ...measure.latency import ratio
from ...store.folder import RunFolder
from ..making.variant import scores
from ..study import Study
from . import changes
from . import elsewhere as study_devices
from . import runtime as judge
from .against_float import against_float
from .finished import Finished


def baseline(done: Finished, finished: dict[str, Finished]) -> Finished | None:
    """The float32 of the same network and target."""
    for other in finished.values():
        same = other.variant.network is done.variant.network and other.variant.target == done.variant.target
        if same and other.variant.recipe == "float32":
            return other
    return None


def compare(done: Finished, base: Finished | None, study: Study) -> None:
    """Accuracy, drop, ratio and parity of one variant, into its record."""
    record = done.record
    record |= summary(done.answers, base.answers if base else None, study.seed)
    record["validation_top1"] = judge.validation_top1(done.variant, scores(done.made, "validation"), study.quick)
    promised = scores(done.made, judge.evaluated(done.variant.network))
    record["parity"] = judge.parity(done.variant, done.made, done.answered, promised)
    record["compression"] = done.made.value["compression"]
    if record["top1"] is None:
        record["reason"] = "unlabelled"
    if base:
        _against(done, base, study)


def _against(done: Finished, base: Finished, study: Study) -> None:
    """Ratio, changed answers, and what the recommendation rests on."""
    record = done.record
    record |= against_float(done, base, study.quick)
    record["baseline_id"] = base.record["id"]
    record["size_ratio"] = _weight(base.record) / _weight(record)
    record["compression"] = {"model": record["size_ratio"], **done.made.value["compression"]}
    if done is base:
        record["p_value"] = 1.0
    else:
        split = judge.evaluation_split(done.variant.network, study.quick)
        record["changes"] = changes.counted(done.answers, base.answers, split)


def _weight(record: dict[str, Any]) -> int:
    """Bytes of the file, or the estimate where there is none: a variant and its float32 have the same target."""
    size: int = record["bytes_estimated"] if record["bytes"] is None else record["bytes"]
    return size


def hold_to_promise(done: Finished, study: Study, run: RunFolder, progress: AbstractProgress) -> None:
    """A file that missed its parity gate has failed, whatever its accuracy; its reason says where it goes astray."""
    record, variant = done.record, done.variant
    if not record["parity"] or record["parity"]["gate"] == "passed":
        return
    promised = scores(done.made, judge.evaluated(variant.network))
    assert promised is not None
    where, first = judge.miss(variant, done.made, done.answered, promised, study, run, progress)
    record["parity"]["first_difference"] = first
    record |= {"status": "failed", "reason": f"Parity missed: {record['parity']['reason']}; {where}."}


def time_in_turns(group: dict[str, Finished], run: RunFolder, progress: AbstractProgress) -> None:
    """Latencies of the files of one network, measured in turns, into their records."""
    if not group:
        return
    step = judge.latencies({name: (d.variant, d.made) for name, d in group.items()}, run, progress)
    for name, done in group.items():
        base = group.get(done.record["baseline_id"] or "")
        if base and base is not done:
            turns = [step.value["one"][one.variant.id].get("turns", []) for one in (done, base)]
            done.record["against_float32"] = ratio(*turns)
        done.record["latency_ms"] = step.value["one"][name]
        done.record["latency_ms_all_threads"] = step.value["all"][name]
        done.record["conditions"] = step.value["conditions"]
        if done.variant.recipe == "float32":
            done.record["eager_latency_ms"] = step.value["eager"]


def elsewhere(group: dict[str, Finished], study: Study, run: RunFolder, progress: AbstractProgress) -> None:
    """The files of one network on the study's other devices; each variant's record says what they were there."""
    for device in study_devices.others(study.devices) if group else ():
        files = {name: (done.variant, done.made) for name, done in group.items()}
        found = study_devices.measure(device, files, study.device_images, study.quick, run, progress)
        for name, done in group.items():
            done.record["devices"] = [*done.record.get("devices", []), found[name]]
