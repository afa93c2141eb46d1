"""From the names in a study to a trained, captured network and its data."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..catalog import DATASETS
from ..core.disk import sha256
from ..core.errors import BadModel
from ..core.interfaces import AbstractDataset, AbstractModel
from ..core.progress import AbstractProgress
from ..core.records import Deployment, InputSpec, Splits
from ..core.rundir import RunFolder, step_key
from ..graph.capture import capture, check_finite
from ..graph.deploy import deployed
from ..graph.program import Captured
from ..models.weights import load_weights, save_weights, state_hash
from ..models.wrap import Wrapped
from ..study import NetworkSpec
from ..train.loop import fit
from ..train.settings import TrainSettings
from .sources import build_model, reads, short_name, told
from .transfer import transferred

Stages = tuple[TrainSettings, ...]


@dataclass(frozen=True)
class Prepared:
    """A network ready to be quantized, with its data. `key` names it by content: architecture, weights, data."""

    key: str
    name: str
    data: str
    module: nn.Module  # eager, as the framework runs it
    captured: Captured
    splits: Splits
    provenance: str  # where the weights came from
    inputs: InputSpec  # what `module` takes; `captured` may take raw bytes instead
    training: TrainSettings | None = None  # how it was trained (the last stage), where the study says
    whole: Captured | None = None  # before pruning: the teacher of what is trained after it


def prepare(spec: NetworkSpec, seed: int, run: RunFolder, progress: AbstractProgress, fresh: bool = False) -> Prepared:
    """Load the data, build the network, give it its weights (a file's, the kept ones, or trained here), capture it.

    Raises BadData, BadModel, UnknownName and BadOption.
    """
    model, dataset = build_model(spec.model), DATASETS.build(spec.data)
    return prepare_objects(model, dataset, spec, seed, run, progress, fresh)


def prepare_objects(
    model: AbstractModel,
    dataset: AbstractDataset,
    spec: NetworkSpec,
    seed: int,
    run: RunFolder,
    progress: AbstractProgress,
    fresh: bool = False,
) -> Prepared:
    """The same, from objects instead of names."""
    model = told(model, spec.weights)
    inputs, splits = load_data(model, dataset)
    if not splits.classes and not getattr(model, "has_weights", False):
        raise BadModel(
            f"{spec.data} has no labels, so nothing says how many classes {spec.model} tells apart. Expected a network"
            " that knows (path/to/file.py:factory), or labelled images."
        )
    torch.manual_seed(seed)
    module, plain, provenance = _trained(model, spec, inputs, splits, run, progress, fresh)
    captured = deployed(plain, Deployment(spec.input, spec.output, spec.layout))
    state = {
        "weights": state_hash(module),
        "data": splits.fingerprint,
        "model": repr(spec.model),
        "inputs": repr(inputs),
        "deployed": repr(captured.deployed),
        "graph": [repr(captured.program), repr(captured.network)],  # the same weights may be used in another way
    }
    name = spec.name or short_name(spec.model)
    training = spec.then[-1] if spec.then else spec.train
    return Prepared(
        step_key("network", state), name, spec.data, module, captured, splits, provenance, plain.inputs, training
    )


def _trained(
    model: AbstractModel,
    spec: NetworkSpec,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
    fresh: bool,
) -> tuple[nn.Module, Captured, str]:
    """The network with its weights, as the framework runs it and as it is captured; and where they came from."""
    if spec.transfer is None:
        module = model.build(inputs, len(splits.classes))
        provenance = _give_weights(module, model, spec, inputs, splits, run, progress, fresh)
        check_finite(module)
        return module, capture(module.eval(), inputs, splits.classes), provenance
    network, provenance = transferred(model, spec, inputs, splits, run, progress)
    if spec.train is not None:
        tuned = _kept_or_trained(network, spec, spec.train, inputs, splits, run, progress, fresh)
        provenance = f"{provenance}; fine-tuned: {tuned}"
    check_finite(network)
    return network, Captured(network.eval(), inputs, splits.classes), provenance


def load_data(model: AbstractModel, dataset: AbstractDataset) -> tuple[InputSpec, Splits]:
    """What the network takes, and the images in that size."""
    inputs = model.inputs(dataset.image_shape())
    return inputs, dataset.load(inputs)


def _give_weights(
    module: nn.Module,
    model: AbstractModel,
    spec: NetworkSpec,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
    fresh: bool,
) -> str:
    if isinstance(model, Wrapped):
        return "in memory"
    own = bool(getattr(model, "has_weights", False))
    if spec.weights == "random":
        return f"{'as ' + spec.model + ' gave them, said to be ' if own else ''}random: no accuracy means anything"
    if spec.weights:
        if not reads(model, spec.weights):
            load_weights(module, spec.weights)
        return f"{spec.weights} (sha256 {sha256(Path(spec.weights))[:16]})"
    if own and spec.train is not None:
        fresh_ones = (
            f"{spec.model},pretrained=false" if hasattr(model, "pretrained") else "a network with fresh weights"
        )
        raise BadModel(
            f"{spec.model} has weights of its own, and [network.train] trains fresh ones. Write {fresh_ones} to train"
            " it, [network.transfer] for a new head on its weights, or leave [network.train] out."
        )
    if own:
        return f"its own, from {spec.model}"
    if spec.train is None:
        raise BadModel(
            f"{spec.model} has no weights of its own. Give --weights FILE, or a [network.train] table in a study,"
            " or say --weights random."
        )
    return _kept_or_trained(module, spec, spec.train, inputs, splits, run, progress, fresh)


def training_key(spec: NetworkSpec, settings: TrainSettings, splits: Splits, then: Stages = ()) -> str:
    """What decides the weights: architecture, data, settings, seed. Not the code: a kept state outlives it."""
    what: dict[str, Any] = {
        "model": spec.model,
        "data": splits.fingerprint,
        "train": dataclasses.asdict(settings),
    }
    if spec.transfer is not None:
        what["transfer"] = dataclasses.asdict(spec.transfer)
    if then:
        what["then"] = [dataclasses.asdict(stage) for stage in then]
    return step_key("train", what)


def kept_weights(key: str) -> Path | None:
    """The state that the project ships for this training, if it does."""
    path = Path(str(resources.files("edgequant.models"))) / "kept" / f"{key[:16]}.safetensors"
    return path if path.is_file() else None


def _kept_or_trained(
    module: nn.Module,
    spec: NetworkSpec,
    settings: TrainSettings,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
    fresh: bool,
) -> str:
    """The stages of a training one after another, from the last whose weights the project keeps."""
    stages = (settings, *spec.then)
    keys = [training_key(spec, settings, splits, stages[1 : n + 1]) for n in range(len(stages))]
    first, provenance = 0, ""
    for number, key in enumerate(keys):
        kept = None if fresh else kept_weights(key)
        if kept is not None:
            load_weights(module, kept)
            first, provenance = number + 1, f"kept by the project ({kept.name}), trained by this study"
    for stage, key in list(zip(stages, keys))[first:]:
        provenance = _one_stage(module, stage, key, inputs, splits, run, progress)
    return provenance + ("; --fresh trains again" if first == len(stages) else "")


def _one_stage(
    module: nn.Module,
    stage: TrainSettings,
    key: str,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
) -> str:
    step = run.step(
        "train", {"key": key}, lambda folder: _train(module, splits, inputs, stage, folder, progress), scratch=True
    )
    load_weights(module, step.folder / "weights.safetensors")
    reached = step.value["validation_accuracy"]
    return f"trained here: {stage.epochs} epochs, seed {stage.seed}, validation {reached:.2%}"


def _train(
    module: nn.Module,
    splits: Splits,
    inputs: InputSpec,
    settings: TrainSettings,
    folder: Path,
    progress: AbstractProgress,
) -> dict[str, Any]:
    def report(figures: dict[str, float]) -> None:
        progress.say(
            f"  epoch {figures['epoch']:.0f}/{settings.epochs}: loss {figures['loss']:.3f},"
            f" train {figures['accuracy']:.2%}, validation {figures['validation_accuracy']:.2%}"
            f" ({figures['seconds']:.0f} s)"
        )

    with progress.task("training") as tick:
        log = fit(module, splits, inputs, settings, folder, report=report, tick=tick, say=progress.say)
    save_weights(module, folder / "weights.safetensors")
    (folder / "checkpoint.pt").unlink(missing_ok=True)
    return {"epochs": log["epochs"], "validation_accuracy": log["epochs"][-1]["validation_accuracy"]}
