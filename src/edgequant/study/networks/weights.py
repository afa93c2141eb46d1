"""Where a network's weights come from: a file, its own, a training here, what the project keeps, or a transfer."""

from __future__ import annotations

import copy
import dataclasses
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, final

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.pixels import stated_of
from ...core.registry import first_option
from ...data.dataset import Splits
from ...graph.capture.one_result import give_one
from ...graph.capture.trial import check_floats
from ...graph.program import Captured
from ...models.weights import load_weights, save_weights
from ...models.wrap import Wrapped
from ...store.folder import step_key
from ...train.loop import Watch, fit
from ...train.settings import TrainSettings
from .. import keys
from ..bench import Bench
from ..study import NetworkSpec, load_study, shipped
from .fresh import fresh_weights
from .order import Order
from .source_check import built, held
from .sources import build_model
from .transfer import transferred

Stages = tuple[TrainSettings, ...]
KEPT_FORMAT = 1  # of the keys in the names of models/kept: these files outlive the format of steps


@final
@dataclass(frozen=True)
class Weighed:
    """A network with its weights, as its framework runs it and as it is captured, and where they came from."""

    module: nn.Module
    captured: Captured
    provenance: str
    given: bool  # they are the user's or the network's own, and nothing was trained here


def weigh(bench: Bench, order: Order) -> Weighed:
    """Build the network that is ordered and give it its weights. Raises BadModel, BadData and BadOption."""
    spec, inputs, splits = order.spec, order.inputs, order.splits
    torch.manual_seed(bench.study.seed)
    if spec.transfer is None:
        module = built(order.model, inputs, len(splits.classes), splits)
        provenance, given = _give_weights(bench, order, module)
        return Weighed(module, held(module, inputs, splits), provenance, given)
    network, provenance = transferred(bench, order)
    module = give_one(network.running(network.program))  # the same layers, giving scores as its framework's networks do
    if spec.train is not None:
        provenance = f"{provenance}; fine-tuned: {_kept_or_trained(bench, order, module)}"
    check_floats(network)
    return Weighed(module, Captured(network.eval(), inputs, splits.classes), provenance, False)


def _give_weights(bench: Bench, order: Order, module: nn.Module) -> tuple[str, bool]:
    """Where they came from, and whether they were given rather than made here. The first that there are: those of the
    study's `weights`, the network's own, those of a training, those that the project keeps."""
    spec, model = order.spec, order.model
    in_memory = isinstance(model, Wrapped)
    if spec.weights == "random":
        named = "the network in memory" if in_memory else spec.model
        said = f"as {named} gave them, said to be " if model.has_weights else ""
        return f"{said}random: no accuracy means anything", False
    if spec.weights:
        return order.load_file(module), True
    drawn = fresh_weights(model, order.inputs, len(order.splits.classes))
    if model.has_weights and not drawn:
        if spec.train is not None:
            fresh = f"{spec.model},pretrained=false" if hasattr(model, "pretrained") else "a network with fresh weights"
            raise BadModel(
                f"{spec.model} has weights of its own, and [network.train] trains fresh ones. Write {fresh} to train"
                " it, [network.transfer] for a new head on its weights, or leave [network.train] out."
            )
        return "in memory" if in_memory else f"its own, from {spec.model}", True
    if spec.train is not None:
        return _kept_or_trained(bench, order, module), False
    kept = kept_by_a_study(spec, order.splits)
    if kept is None:
        why = f": two calls of it fill {drawn!r} differently, so they are fresh" if drawn else ""
        raise BadModel(
            f"{first_option(spec.model)} has no weights of its own{why}. Give --weights FILE, or a [network.train]"
            " table in a study, or say --weights random."
        )
    path, study = kept
    load_weights(module, path)
    return f"kept by the project ({path.name}), trained by the study {study}", False


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


def _kept_or_trained(bench: Bench, order: Order, module: nn.Module) -> str:
    """The stages of a training one after another, from the last whose weights the project keeps."""
    spec, stage_keys = order.spec, _stage_keys(order.spec, order.splits)
    stages = (spec.train, *spec.then)
    first, provenance = 0, ""
    for number, key in enumerate(stage_keys):
        kept = None if bench.fresh else kept_weights(key)
        if kept is not None:
            load_weights(module, kept)
            first, provenance = number + 1, f"kept by the project ({kept.name}), trained by this study"
    for stage, key in list(zip(stages, stage_keys))[first:]:
        assert stage is not None
        provenance = _trained(bench, order, module, (stage, key))
    return provenance + ("; --fresh trains again" if first == len(stages) else "")


def _trained(bench: Bench, order: Order, module: nn.Module, stage: tuple[TrainSettings, str]) -> str:
    """One stage, a step of the run folder that resumes from its last epoch."""
    settings, key = stage

    def report(figures: dict[str, float]) -> None:
        bench.say(
            f"  epoch {figures['epoch']:.0f}/{settings.epochs}: loss {figures['loss']:.3f},"
            f" train {figures['accuracy']:.2%}, validation {figures['validation_accuracy']:.2%}"
            f" ({figures['seconds']:.0f} s)"
        )

    def work(folder: Path) -> dict[str, Any]:
        # a copy: trainers leave marks on a network, and one that was trained must equal one that was kept
        student = copy.deepcopy(module)
        with bench.doing("training") as tick:
            log = fit(student, order.splits, order.inputs, settings, folder, watch=Watch(report, tick, say=bench.say))
        save_weights(student, folder / "weights.safetensors")
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        return {"epochs": log["epochs"], "validation_accuracy": log["epochs"][-1]["validation_accuracy"]}

    what = {"key": key, "network": keys.eager(module, order.inputs)}
    step = bench.kept("train", what, work, keys.trained(), scratch=True)
    load_weights(module, step.folder / "weights.safetensors")
    reached = step.value["validation_accuracy"]
    return f"trained here: {settings.epochs} epochs, seed {settings.seed}, validation {reached:.2%}"
