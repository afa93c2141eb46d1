"""From the names in a study to a trained, captured network and its data."""

from __future__ import annotations

import copy
import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import Deployment, InputSpec
from ...core.pixels import NOTHING, Stated, stated_of
from ...core.progress import AbstractProgress
from ...core.registry import first_option
from ...data.dataset import AbstractDataset, Splits
from ...data.named.named_data import named_dataset
from ...graph.capture.one_result import give_one
from ...graph.capture.trial import check_floats
from ...graph.deploy import deployed
from ...graph.program import Captured
from ...models.model import AbstractModel
from ...models.weights import load_weights, save_weights
from ...models.wrap import Wrapped
from ...store.disk import sha256
from ...store.folder import RunFolder, step_key
from ...train.loop import fit
from ...train.settings import TrainSettings
from .. import keys
from ..prepared import Prepared
from ..study import NetworkSpec, load_study, shipped
from . import preprocessing
from .contract import contract, load, stating
from .fresh import fresh_weights
from .source_check import built, held
from .sources import build_model, reads, short_name, told
from .transfer import transferred

Stages = tuple[TrainSettings, ...]
KEPT_FORMAT = 1  # of the keys in the names of models/kept: these files outlive the format of steps
Origin = tuple[str, bool]  # where the weights came from, and whether they were given rather than made here


def prepare(spec: NetworkSpec, seed: int, run: RunFolder, progress: AbstractProgress, fresh: bool = False) -> Prepared:
    """Load the data, build the network, give it its weights (a file's, the kept ones, or trained here), capture it.

    Raises BadData, BadModel, UnknownName and BadOption.
    """
    model, dataset = build_model(spec.model), named_dataset(spec.data)
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
    stated = stated_of(spec)
    what = first_option(spec.model)
    model = stating(told(model, spec.weights), stated, what)
    with progress.task(f"{spec.data}: reading"):
        inputs, splits = load_data(model, dataset, stated, what, free=bool(spec.weights) or not owns(model))
    if not splits.classes and not owns(model):
        raise BadModel(
            f"{spec.data} has no labels, so nothing says how many classes {spec.model} tells apart. Expected a network"
            " that knows (path/to/file.py:factory), or labelled images."
        )
    torch.manual_seed(seed)
    module, plain, (provenance, given) = _trained(model, spec, inputs, splits, run, progress, fresh)
    captured = deployed(plain, Deployment(spec.input, spec.output, spec.layout))
    name = spec.name or short_name(spec.model)
    training = spec.then[-1] if spec.then else spec.train
    key = keys.network(captured, splits)
    looked = preprocessing.look(plain, splits, given, key, run, progress)
    preprocessing.check(looked, what)
    return Prepared(key, name, spec.data, module, captured, splits, provenance, plain.inputs, training, looked)


def _trained(
    model: AbstractModel,
    spec: NetworkSpec,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
    fresh: bool,
) -> tuple[nn.Module, Captured, Origin]:
    """The network with its weights, as the framework runs it and as it is captured; and where they came from."""
    if spec.transfer is None:
        module = built(model, inputs, len(splits.classes), splits)
        origin = _give_weights(module, model, spec, inputs, splits, run, progress, fresh)
        return module, held(module, inputs, splits), origin
    network, provenance = transferred(model, spec, inputs, splits, run, progress)
    module = give_one(network.running(network.program))  # the same layers, giving scores as its framework's networks do
    if spec.train is not None:
        tuned = _kept_or_trained(module, spec, spec.train, inputs, splits, run, progress, fresh)
        provenance = f"{provenance}; fine-tuned: {tuned}"
    check_floats(network)
    return module, Captured(network.eval(), inputs, splits.classes), (provenance, False)


def load_data(
    model: AbstractModel,
    dataset: AbstractDataset,
    stated: Stated = NOTHING,
    what: str = "the network",
    free: bool = False,
) -> tuple[InputSpec, Splits]:
    """What the network takes, and the images so."""
    inputs = contract(model, stated, dataset.image_shape(), what, free)
    splits = load(dataset, inputs, stated)
    return inputs, dataclasses.replace(splits, fingerprint=keys.images(dataset, splits))


def owns(model: AbstractModel) -> bool:
    """Whether the model says that it brings weights of its own."""
    return bool(getattr(model, "has_weights", False))


def _give_weights(
    module: nn.Module,
    model: AbstractModel,
    spec: NetworkSpec,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
    fresh: bool,
) -> Origin:
    named = "the network in memory" if isinstance(model, Wrapped) else spec.model
    if spec.weights == "random":
        said = f"as {named} gave them, said to be " if owns(model) else ""
        return f"{said}random: no accuracy means anything", False
    if spec.weights:
        if not reads(model, spec.weights):
            load_weights(module, spec.weights)
        return f"{spec.weights} (sha256 {sha256(Path(spec.weights))[:16]})", True
    drawn = fresh_weights(model, inputs, len(splits.classes))
    own = owns(model) and not drawn
    if own and spec.train is not None:
        raise BadModel(_trains_own(model, spec))
    if own:
        return "in memory" if isinstance(model, Wrapped) else f"its own, from {spec.model}", True
    if spec.train is not None:
        return _kept_or_trained(module, spec, spec.train, inputs, splits, run, progress, fresh), False
    kept = kept_by_a_study(spec, splits)
    if kept is None:
        why = f": two calls of it fill {drawn!r} differently, so they are fresh" if drawn else ""
        raise BadModel(
            f"{first_option(spec.model)} has no weights of its own{why}. Give --weights FILE, or a [network.train]"
            " table in a study, or say --weights random."
        )
    path, study = kept
    load_weights(module, path)
    return f"kept by the project ({path.name}), trained by the study {study}", False


def _trains_own(model: AbstractModel, spec: NetworkSpec) -> str:
    fresh = f"{spec.model},pretrained=false" if hasattr(model, "pretrained") else "a network with fresh weights"
    return (
        f"{spec.model} has weights of its own, and [network.train] trains fresh ones. Write {fresh} to train it,"
        " [network.transfer] for a new head on its weights, or leave [network.train] out."
    )


def kept_by_a_study(spec: NetworkSpec, splits: Splits) -> tuple[Path, str] | None:
    """The weights that the project ships for this architecture on these very splits, and the study that trained them.

    None where there are none, or where other pixels are stated than the study trained with.
    """
    if stated_of(spec):
        return None
    model = build_model(spec.model)
    for name in shipped():
        for other in load_study(name).network:
            trained = other.train is not None and other.transfer is None and not stated_of(other)
            if trained and build_model(other.model) == model:
                path = kept_weights(_stage_keys(other, splits)[-1])
                if path is not None:
                    return path, name
    return None


def training_key(spec: NetworkSpec, settings: TrainSettings, splits: Splits, then: Stages = ()) -> str:
    """What the weights that the project keeps are found by: names, data, settings. A kept state outlives the code."""
    what: dict[str, Any] = {
        "model": spec.model,
        "data": splits.fingerprint,
        "train": dataclasses.asdict(settings),
    }
    if stated_of(spec):
        what["pixels"] = stated_of(spec).texts()
    if spec.transfer is not None:
        what["transfer"] = dataclasses.asdict(spec.transfer)
    if then:
        what["then"] = [dataclasses.asdict(stage) for stage in then]
    return step_key("train", what, KEPT_FORMAT)


def _stage_keys(spec: NetworkSpec, splits: Splits) -> list[str]:
    """Of each stage of its training, which the ones before it decide too."""
    assert spec.train is not None
    return [training_key(spec, spec.train, splits, spec.then[:n]) for n in range(1 + len(spec.then))]


def kept_weights(key: str) -> Path | None:
    """The state that the project ships for this training, if it does."""
    path = Path(str(resources.files("edgequant.models.architectures"))) / "kept" / f"{key[:16]}.safetensors"
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
    stages, keys = (settings, *spec.then), _stage_keys(spec, splits)
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
    what = {"key": key, "network": keys.eager(module, inputs), **keys.trained()}

    def work(folder: Path) -> dict[str, Any]:
        # a copy: trainers leave marks on a network, and one that was trained must equal one that was kept
        return _train(copy.deepcopy(module), splits, inputs, stage, folder, progress)

    step = run.step("train", what, work, scratch=True)
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
