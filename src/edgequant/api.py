"""The stages in order. This is the only module that knows all of them."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .backends.onnx_fusion import warning
from .catalog import SECTIONS
from .core.disk import read_json, remove, write_bytes, write_json
from .core.errors import EdgequantError, RunFolderError, Unsupported
from .core.interfaces import AbstractModel, Array
from .core.progress import AbstractProgress, Silent
from .core.records import Deployment, Run
from .core.rundir import RunFolder, Step
from .pipeline import changes, judge, results, study_devices
from .pipeline.checks import check_calibration_images, check_names, check_networks, check_supported
from .pipeline.network import Prepared, prepare, prepare_objects
from .pipeline.objects import as_dataset, as_model
from .pipeline.search import search as search_layers
from .pipeline.search_asked import Asked as AskedSearch
from .pipeline.sensitivity import Asked as AskedSensitivity
from .pipeline.sensitivity import ask as ask_layers
from .pipeline.sweep import Asked, study_of, write_csv
from .pipeline.variant import Variant, make, plan_variants, scores
from .report import advice
from .report.render import render
from .search import sweep as bits
from .study import Calibration, NetworkSpec, Study, check, load_study, to_toml

if TYPE_CHECKING:
    from torch import nn

Prepare = Callable[[NetworkSpec, RunFolder], Prepared]


def run(
    study: str | Study = "digits",
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    progress: AbstractProgress | None = None,
) -> Run:
    """A whole study: data and networks in; files, measurements and a report in `out` (default runs/NAME).

    Resumes what an earlier run of the same folder finished; `fresh` starts over, training included.
    Raises EdgequantError where the study cannot be run at all; a variant that fails is recorded and the rest goes on.
    """
    resolved = load_study(study, tuple(overrides)) if isinstance(study, str) else check(study)
    check_networks(resolved)
    progress = progress or Silent()

    def one(spec: NetworkSpec, folder: RunFolder) -> Prepared:
        return prepare(spec, resolved.seed, folder, progress, fresh)

    return _run(resolved, Path(out or Path("runs") / resolved.name), one, fresh, progress)


def sweep(
    asked: Asked,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    progress: AbstractProgress | None = None,
) -> Run:
    """Every combination of weight and activation bits of a model or a study's networks, simulated: no file is made.

    Writes what `run` writes, and `sweep.csv` and the parallel-coordinates chart, in `out` (default runs/NAME-sweep).
    Calibration statistics are collected once. Raises EdgequantError.
    """
    study, progress = study_of(asked, overrides), progress or Silent()
    check_networks(study)

    def one(spec: NetworkSpec, folder: RunFolder) -> Prepared:
        return prepare(spec, study.seed, folder, progress, fresh)

    return _run(study, Path(out or Path("runs") / study.name), one, fresh, progress, swept=True)


def sensitivity(
    asked: AskedSensitivity,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    progress: AbstractProgress | None = None,
) -> Run:
    """What quantizing each layer of a model, or of a study's networks, costs: simulated on validation images.

    Writes `results.json`, `sensitivity.json`, `sensitivity.csv`, the report, and node data for Model Explorer in `out`
    (default runs/NAME-sensitivity). Raises EdgequantError.
    """
    return ask_layers(asked, out, overrides, fresh, progress or Silent())


def search(
    asked: AskedSearch,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    progress: AbstractProgress | None = None,
) -> Run:
    """Each layer's scheme under a budget. Writes a recipe file, which `quantize` takes, the costs and the front.

    `out` is runs/NAME-search by default. Raises EdgequantError.
    """
    return search_layers(asked, out, overrides, fresh, progress or Silent())


def _run(
    study: Study, out: Path, prepare_one: Prepare, fresh: bool, progress: AbstractProgress, swept: bool = False
) -> Run:
    check_names(study)
    new = not out.exists()
    with RunFolder(out, fresh) as folder:
        write_bytes(out / "study.toml", to_toml(study).encode())
        with _nothing_left(folder, new):
            networks = [(spec, prepare_one(spec, folder)) for spec in study.network]
            check_calibration_images(study, networks)
            variants = plan_variants(study, networks)
        _announce(study, networks, variants, progress)
        record = _measure(study, variants, folder, progress)
        lines = [f"{n.name} on {n.data}: weights {n.provenance}. {n.splits.note}".strip() for _, n in networks]
        notes = list(dict.fromkeys(lines))
        if study.quick:
            notes.append(f"--quick: every figure is from the first {study.quick} images of its split only.")
        found = results.assemble(study, record, results.environment(study.seed, _command()), notes)
        found |= bits.record(record, swept)
        found |= changes.pictures(found, variants, study.quick, out)
        if "sweep" in found:
            write_csv(out, found)
        write_json(out / "results.json", found)
        finished = Run(found, out)
        render(finished, [SECTIONS.build(name) for name in SECTIONS])
        return finished


@contextmanager
def _nothing_left(folder: RunFolder, new: bool) -> Iterator[None]:
    """A folder that this run made goes again where the run is refused before any of its work was done."""
    try:
        yield
    except EdgequantError:
        if new and not any(folder.steps.iterdir()):
            remove(folder.path)
        raise


def _command() -> str:
    return (
        " ".join(["edgequant", *sys.argv[1:]])
        if Path(sys.argv[0]).name in ("edgequant", "__main__.py")
        else "edgequant (Python)"
    )


def _announce(
    study: Study, networks: list[tuple[NetworkSpec, Prepared]], variants: list[Variant], progress: AbstractProgress
) -> None:
    """What is to come, and about how long it takes: each variant is simulated once and run once."""
    total = 0.0
    for _, network in networks:
        count = sum(v.network is network for v in variants)
        images = len(judge.evaluation_split(network, study.quick)) + len(network.splits.validation)
        total += judge.seconds_per_image(network) * images * count * 2 + 6 * count
        progress.say(f"{network.name}: {network.provenance}")
    progress.say(f"{len(variants)} variants; about {max(1, round(total / 60))} min if nothing is cached.")


@dataclass
class _Finished:
    """A variant that was made and answered."""

    variant: Variant
    record: dict[str, Any]
    made: Step
    answered: Step
    answers: Any = field(repr=False, default=None)


def _measure(study: Study, variants: list[Variant], run: RunFolder, progress: AbstractProgress) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    finished: dict[str, _Finished] = {}
    for variant in variants:
        record, done = _one(variant, study, run, progress)
        records.append(record)
        if done:
            finished[variant.id] = done
    for done in finished.values():
        _compare(done, _baseline(done, finished), study)
        _hold_to_promise(done, study, run, progress)
    for network in dict.fromkeys(v.network.key for v in variants):
        of_it = {k: d for k, d in finished.items() if d.variant.network.key == network and d.record["file"]}
        _time(of_it, run, progress)
        _elsewhere(of_it, study, run, progress)
    return records


def _one(
    variant: Variant, study: Study, run: RunFolder, progress: AbstractProgress
) -> tuple[dict[str, Any], _Finished | None]:
    """Make and evaluate one variant; what goes wrong is in its record."""
    progress.say(f"{variant.id}")
    made = None
    try:
        made = make(variant, study, run, progress)
        answered = judge.answer(variant, made, study.quick, run, progress)
    except Unsupported as error:
        return _not_run(variant, made, run, str(error)), None
    except RunFolderError:
        raise
    except EdgequantError as error:
        return results.blank(variant, "failed", str(error)), None
    left = warning(answered.value["kernels"])
    if left:
        progress.say(f"  note: {left}")
    memory = judge.memory(variant, made, run).value
    record = results.blank(variant, "ok")
    record |= {
        "file": _ship(made, run),
        "sha256": made.value["sha256"],
        "bytes": made.value["bytes"],
        "bytes_compressed": judge.compressed(made),
        "bytes_estimated": made.value["bytes_estimated"],
        "layers": made.value["layers"],
        "kernels": answered.value["kernels"],
        "seconds": {**made.value["seconds"], "evaluate": answered.value["seconds"]},
        "calibration_checks": made.value["calibration_checks"],
        "peak_memory_bytes": memory["bytes"],
        "arena_bytes": memory["arena"],
    }
    return record, _Finished(variant, record, made, answered, judge.answers(variant, answered, study.quick))


def _not_run(variant: Variant, made: Step | None, run: RunFolder, reason: str) -> dict[str, Any]:
    """What no runtime here runs; its file, where there is one, ships all the same."""
    record = results.blank(variant, "unsupported", reason)
    if made is None:
        return record
    return record | {key: made.value[key] for key in ("sha256", "bytes", "layers")} | {"file": _ship(made, run)}


def _ship(made: Step, run: RunFolder) -> str | None:
    """Copy the file, and what lies beside it, to the artifacts. Its path in the run folder; None for a simulation."""
    if made.value["file"] is None:
        return None
    source, artifacts = made.folder / made.value["file"], run.path / "artifacts"
    artifacts.mkdir(exist_ok=True)
    for path in source.parent.glob(f"{source.stem}.*"):
        shutil.copyfile(path, artifacts / path.name)
    return f"artifacts/{source.name}"


def _baseline(done: _Finished, finished: dict[str, _Finished]) -> _Finished | None:
    """The float32 of the same network and target."""
    for other in finished.values():
        same = other.variant.network is done.variant.network and other.variant.target == done.variant.target
        if same and other.variant.recipe == "float32":
            return other
    return None


def _compare(done: _Finished, base: _Finished | None, study: Study) -> None:
    """Accuracy, drop, ratio and parity of one variant, into its record."""
    from .measure.accuracy import summary

    record = done.record
    itself = base is done
    record |= summary(done.answers, base.answers if base else None, study.seed)
    record["validation_top1"] = judge.validation_top1(done.variant, scores(done.made, "validation"), study.quick)
    record["parity"] = judge.parity(
        done.variant, done.answered, scores(done.made, judge.evaluated(done.variant.network))
    )
    record["compression"] = done.made.value["compression"]
    if record["top1"] is None:
        record["reason"] = "unlabelled"
    if base:
        record["baseline_id"] = base.record["id"]
        record["size_ratio"] = _weight(base.record) / _weight(record)
        record["compression"] = {"model": record["size_ratio"], **done.made.value["compression"]}
    if itself:
        record["p_value"] = 1.0
    elif base:
        split = judge.evaluation_split(done.variant.network, study.quick)
        record["changes"] = changes.counted(done.answers, base.answers, split)


def _hold_to_promise(done: _Finished, study: Study, run: RunFolder, progress: AbstractProgress) -> None:
    """A file that missed its parity gate has failed, whatever its accuracy; its reason says where it goes astray."""
    record, variant = done.record, done.variant
    if not record["parity"] or record["parity"]["gate"] == "passed":
        return
    promised = scores(done.made, judge.evaluated(variant.network))
    assert promised is not None
    where, first = judge.miss(variant, done.made, done.answered, promised, study, run, progress)
    record["parity"]["first_difference"] = first
    record |= {"status": "failed", "reason": f"Parity missed: {record['parity']['reason']}; {where}."}


def _weight(record: dict[str, Any]) -> int:
    """Bytes of the file, or the estimate where there is none: a variant and its float32 have the same target."""
    size: int = record["bytes_estimated"] if record["bytes"] is None else record["bytes"]
    return size


def _time(group: dict[str, _Finished], run: RunFolder, progress: AbstractProgress) -> None:
    if not group:
        return
    step = judge.latencies({name: (d.variant, d.made) for name, d in group.items()}, run, progress)
    for name, done in group.items():
        done.record["latency_ms"] = step.value["one"][name]
        done.record["latency_ms_all_threads"] = step.value["all"][name]
        done.record["conditions"] = step.value["conditions"]
        if done.variant.recipe == "float32":
            done.record["eager_latency_ms"] = step.value["eager"]


def _elsewhere(group: dict[str, _Finished], study: Study, run: RunFolder, progress: AbstractProgress) -> None:
    """The files of one network on the study's other devices; each variant's record says what they were there."""
    for device in study_devices.others(study.devices) if group else ():
        files = {name: (done.variant, done.made) for name, done in group.items()}
        found = study_devices.measure(device, files, study.device_images, study.quick, run, progress)
        for name, done in group.items():
            done.record["devices"] = [*done.record.get("devices", []), found[name]]


@dataclass(frozen=True)
class Result:
    """What `quantize` returns: the file (None for target simulation), its measurements, and the run it came from."""

    file: Path | None
    measurements: dict[str, Any]
    run: Run

    def report(self) -> Path:
        """The HTML report."""
        return self.run.folder / "report.html"


def quantize(
    model: str | nn.Module | AbstractModel,
    data: Any,
    recipe: str = "w8a8",
    target: str = "litert",
    out: Path | str = "runs/quantize",
    *,
    weights: str = "",
    calibration: Calibration | None = None,
    quick: int = 0,
    allow_few: bool = False,
    deployed: Deployment | None = None,
    fresh: bool = False,
    progress: AbstractProgress | None = None,
) -> Result:
    """One network, one recipe, one target: the float32 file, the quantized one, and how they compare.

    `model`: a name or spec, `path/to/file.py:factory`, or an `nn.Module` in memory, which is taken to see
    `(pixel - 128) / 128`. `data`: a data set's spec; a pair `(images, labels)` of arrays, images `(N, H, W, C)`
    uint8 in 0..255; or an iterable of such pairs (a loader). Labels may be None. `deployed`: the types and the layout
    of the file's input and output, where they are not to be the recipe's and the target's own.
    Raises EdgequantError.

    >>> result = edgequant.quantize("micro_cnn", "digits", weights="random")  # doctest: +SKIP
    >>> result.file, result.measurements["drop"]  # doctest: +SKIP
    """
    progress = progress or Silent()
    dataset = as_dataset(data)
    source = as_model(model, dataset)
    spec = NetworkSpec(
        model=model if isinstance(model, str) else type(model).__name__,
        data=data if isinstance(data, str) else "in memory",
        weights=weights,
        **dataclasses.asdict(deployed or Deployment()),
    )
    study = check(
        Study(
            name="quantize",
            title=f"{spec.model}, {recipe}",
            recipes=tuple(dict.fromkeys(("float32", recipe))),
            targets=(target,),
            calibration=(calibration or Calibration(),),
            network=(spec,),
            quick=quick,
            allow_few=allow_few,
        )
    )

    def one(spec: NetworkSpec, folder: RunFolder) -> Prepared:
        network = prepare_objects(source, dataset, spec, study.seed, folder, progress, fresh)
        check_supported(network, recipe, target)
        return network

    finished = _run(study, Path(out), one, fresh, progress)
    record = finished.results["variants"][-1]
    if record["status"] != "ok" and not record["parity"]:  # a file that missed its parity gate is there to be looked at
        raise (Unsupported if record["status"] == "unsupported" else EdgequantError)(record["reason"])
    return Result(finished.folder / record["file"] if record["file"] else None, record, finished)


def advise(
    source: str,
    out: Path | str | None = None,
    *,
    overrides: Sequence[str] = (),
    progress: AbstractProgress | None = None,
) -> list[str]:
    """PTQ or QAT, a line for each recipe: from a run folder, or from a study, which is run as far as it takes.

    Of a study the recipes without training are run first, and those with it only where one of these loses more than
    `max_drop` points on validation. Raises EdgequantError.
    """
    if (Path(source) / "results.json").is_file():
        return [found.line for found in advice.advise(Run(read_json(Path(source) / "results.json"), Path(source)))]
    resolved = load_study(source, tuple(overrides))
    folder = Path(out or Path("runs") / resolved.name)
    finished = run(advice.untrained(resolved), folder, progress=progress)
    if any(found.choice != "PTQ" for found in advice.advise(finished)):
        finished = run(resolved, folder, progress=progress)
    return [found.line for found in advice.advise(finished)]


def report(folder: Path) -> list[Path]:
    """Render again from what is on disk. Raises BadFile."""
    return render(Run(read_json(folder / "results.json"), folder), [SECTIONS.build(name) for name in SECTIONS])


def train(
    study: str, out: Path | None = None, overrides: Sequence[str] = (), progress: AbstractProgress | None = None
) -> list[str]:
    """Only the float networks of a study. Returns a line for each: where its weights came from."""
    resolved = load_study(study, tuple(overrides))
    check_networks(resolved)
    with RunFolder(Path(out or Path("runs") / resolved.name)) as folder:
        return [
            prepare(spec, resolved.seed, folder, progress or Silent(), True).provenance for spec in resolved.network
        ]


__all__ = [
    "Array", "Asked", "AskedSearch", "AskedSensitivity", "Result", "advise", "quantize", "report", "run", "search",
    "sensitivity", "sweep", "train",
]  # fmt: skip
