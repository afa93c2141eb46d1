"""What a program calls: a study, one network, a question about one. `study.running.execution` tells a run in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .catalog import SECTIONS
from .core.arrays import Array
from .core.errors import BadOption, EdgequantError, Unsupported
from .core.image import Deployment
from .core.pixels import Stated, Words, stated_of
from .core.progress import AbstractProgress, Silent
from .core.registry import unknown
from .host.guest import guest
from .models.model import AbstractModel
from .questions.advise import advise as advice
from .questions.inquiry import inquiry
from .questions.search.asked import AskedSearch
from .questions.search.search import search as search_layers
from .questions.sensitivity.asked import AskedSensitivity
from .questions.sensitivity.sensitivity import ask as ask_layers
from .questions.sweep import AskedSweep
from .report.formats.render import render
from .store.disk import read_results
from .store.folder import RunFolder
from .store.run import Run
from .study.bench import Bench
from .study.networks.network import prepare, prepare_objects
from .study.networks.objects import as_dataset, as_model
from .study.prepared import Prepared
from .study.running.checks import check_networks, check_supported
from .study.running.execution import execute
from .study.study import Calibration, NetworkSpec, Study, check, load_study, shipped

if TYPE_CHECKING:
    from torch import nn


@guest
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
    return _whole(resolved, out, fresh, progress or Silent())


@guest
def sweep(
    asked: AskedSweep,
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
    return _whole(asked.study(overrides), out, fresh, progress or Silent(), swept=True)


def _whole(study: Study, out: Path | str | None, fresh: bool, progress: AbstractProgress, swept: bool = False) -> Run:
    check_networks(study)

    return execute(study, Path(out or Path("runs") / study.name), prepare, fresh, progress, swept=swept)


@guest
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
    with inquiry(asked.study(overrides), out, fresh, progress or Silent()) as bench:
        return ask_layers(asked, bench)


@guest
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
    with inquiry(asked.study(overrides), out, fresh, progress or Silent()) as bench:
        return search_layers(asked, bench)


@dataclass(frozen=True)
class Result:
    """What `quantize` returns: the file (None for target simulation), its measurements, and the run it came from."""

    file: Path | None
    measurements: dict[str, Any]
    run: Run

    def report(self) -> Path:
        """The HTML report."""
        return self.run.folder / "report.html"


@guest
def quantize(
    model: str | nn.Module | AbstractModel,
    data: Any,
    recipe: str = "w8a8",
    target: str = "litert",
    out: Path | str = "runs/quantize",
    *,
    weights: str = "",
    size: Words = "",
    mean: Words = "",
    std: Words = "",
    channels: Words = "",
    fit: str = "",
    calibration: Calibration | None = None,
    quick: int = 0,
    allow_few: bool = False,
    deployed: Deployment | None = None,
    fresh: bool = False,
    progress: AbstractProgress | None = None,
) -> Result:
    """One network, one recipe, one target: the float32 file, the quantized one, and how they compare.

    `model`: a name or spec, `path/to/file.py:factory`, or an `nn.Module` in memory. What it sees is found where the
    model says it, and stated here where it does not: `(pixel / 255 - mean) / std`, `mean` and `std` one number, one a
    channel, or a name ("imagenet"); `channels` "rgb", "bgr" or "grey"; `size` 32 or "320x240"; `fit` "stretch",
    "crop", "crop:256" or "letterbox", for images of another size. `data`: a data set's spec; a pair `(images, labels)`
    of arrays, images `(N, H, W, C)` uint8 in 0..255; or an iterable of such pairs (a loader). Labels may be None.
    `deployed`: the types and the layout of the file's input and output, where they are not to be the recipe's and the
    target's own.
    Raises EdgequantError.

    >>> result = edgequant.quantize("micro_cnn", "digits", weights="random")  # doctest: +SKIP
    >>> result.file, result.measurements["drop"]  # doctest: +SKIP
    """
    progress = progress or Silent()
    dataset = as_dataset(data)
    stated = Stated(size, mean, std, channels, fit)
    source = as_model(model, dataset, stated)
    spec = _spec(model, data, weights, deployed or Deployment(), stated)
    study = _of_one(spec, recipe, target, calibration or Calibration(), quick, allow_few)

    def one(bench: Bench, spec: NetworkSpec) -> Prepared:
        network = prepare_objects(bench, source, dataset, spec)
        check_supported(network, recipe, target)
        return network

    finished = execute(study, Path(out), one, fresh, progress)
    record = finished.results["variants"][-1]
    if record["status"] != "ok" and not record["parity"]:  # a file that missed its parity gate is there to be looked at
        raise (Unsupported if record["status"] == "unsupported" else EdgequantError)(record["reason"])
    return Result(finished.folder / record["file"] if record["file"] else None, record, finished)


def _spec(model: object, data: object, weights: str, deployed: Deployment, stated: Stated) -> NetworkSpec:
    """What is recorded of the network: objects in memory have no name to run them again by."""
    return NetworkSpec(
        model=model if isinstance(model, str) else type(model).__name__,
        data=data if isinstance(data, str) else "in memory",
        weights=weights,
        **dataclasses.asdict(deployed),
        **dataclasses.asdict(stated_of(stated)),
    )


def _of_one(
    spec: NetworkSpec, recipe: str, target: str, calibration: Calibration, quick: int, allow_few: bool
) -> Study:
    """One network, float32 and one recipe. Raises BadOption."""
    return check(
        Study(
            name="quantize",
            title=f"{spec.model}, {recipe}",
            recipes=tuple(dict.fromkeys(("float32", recipe))),
            targets=(target,),
            calibration=(calibration,),
            network=(spec,),
            quick=quick,
            allow_few=allow_few,
        )
    )


@guest
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
    results = Path(source) / "results.json"
    if results.is_file():
        return [found.line for found in advice.advise(Run(read_results(Path(source))[1], Path(source)))]
    if not source.endswith(".toml") and source not in shipped():
        raise BadOption(
            f"advise takes the folder of a finished run, or a study. There is no {results}."
            f" {unknown('study', source, shipped())}"
        )
    resolved = load_study(source, tuple(overrides))
    folder = Path(out or Path("runs") / resolved.name)
    finished = run(advice.untrained(resolved), folder, progress=progress)
    if any(found.choice != "PTQ" and not found.unfit for found in advice.advise(finished)):
        finished = run(resolved, folder, progress=progress)
    return [found.line for found in advice.advise(finished)]


@guest
def report(folder: Path) -> list[Path]:
    """Render again from what is on disk. `folder`: of a finished run, or its results.json. Raises BadFile."""
    folder, record = read_results(Path(folder))
    return render(Run(record, folder), [SECTIONS.build(name) for name in SECTIONS])


@guest
def train(
    study: str, out: Path | None = None, overrides: Sequence[str] = (), progress: AbstractProgress | None = None
) -> list[str]:
    """Only the float networks of a study. Returns a line for each: where its weights came from."""
    resolved = load_study(study, tuple(overrides))
    check_networks(resolved)
    with RunFolder(Path(out or Path("runs") / resolved.name)) as folder:
        bench = Bench(resolved, folder, progress or Silent(), fresh=True)
        return [prepare(bench, spec).provenance for spec in resolved.network]


__all__ = [
    "Array", "AskedSearch", "AskedSensitivity", "AskedSweep", "Result", "advise", "quantize", "report", "run", "search",
    "sensitivity", "sweep", "train",
]  # fmt: skip
