"""Transfer learning: a pretrained network keeps what it sees, and learns other classes.

On the captured network, so that a Keras network, a PyTorch one and a file are taught in one way. BatchNorm is folded
there: its statistics stay those of the pretraining, as is usual when fine-tuning on few images.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.arrays import Array, only
from ...core.errors import BadData, BadModel
from ...core.image import InputSpec
from ...core.preprocess import normalise
from ...core.progress import AbstractProgress
from ...data.dataset import AbstractSplit, Splits
from ...graph.capture.capture import capture
from ...graph.head import body, width, with_head
from ...graph.program import Captured, Network
from ...models.model import AbstractModel
from ...models.weights import load_weights, save_weights
from ...store.content import content
from ...store.disk import sha256
from ...store.folder import Kept, RunFolder
from ...train.head import DroppingLinear, fit_head
from ...train.transfer import Transfer
from .. import keys
from ..study import NetworkSpec
from .source_check import built, seen
from .sources import reads

BATCH = 50


def transferred(
    model: AbstractModel,
    spec: NetworkSpec,
    inputs: InputSpec,
    splits: Splits,
    run: RunFolder,
    progress: AbstractProgress,
) -> tuple[Network, str]:
    """The network with a head for the set's classes, trained on frozen features; and where it all came from.

    Two steps of the run folder: the features, and the head. Raises BadModel and BadData.
    """
    assert spec.transfer is not None
    if splits.train.labels is None:
        raise BadData(f"Transfer learning needs labels, and {spec.data} has none. Name a labelled set.")
    settings = spec.transfer
    source, origin = _pretrained(model, spec, settings, inputs, splits)
    torch.manual_seed(settings.seed)
    head = DroppingLinear(width(source), len(splits.classes), settings.dropout)
    key = {"source": keys.program(source), "data": splits.fingerprint, **keys.trained()}
    features = run.step("features", key, lambda folder: _features(body(source), inputs, splits, folder, progress))
    learnt = run.step(
        "head",
        {**key, "head": content(head), "transfer": dataclasses.asdict(settings)},
        lambda folder: _head(head, features, splits, settings, folder, progress),
    )
    load_weights(head, learnt.folder / "head.safetensors")
    reached = f"validation {learnt.value['validation_accuracy']:.2%}"
    text = (
        f"{origin}; a new head of {len(splits.classes)} classes on frozen features, {settings.epochs} epochs, {reached}"
    )
    return with_head(source, head, splits.classes).network, text


def _pretrained(
    model: AbstractModel, spec: NetworkSpec, settings: Transfer, inputs: InputSpec, splits: Splits
) -> tuple[Captured, str]:
    """The network as it was pretrained, captured with its own head. Raises BadModel where it has no weights."""
    torch.manual_seed(settings.seed)
    module = built(model, inputs, settings.classes, splits)
    origin = _origin(module, model, spec)
    return capture(module.eval(), inputs, (), seen(splits, inputs)), origin


def _origin(module: nn.Module, model: AbstractModel, spec: NetworkSpec) -> str:
    if spec.weights == "random":
        return f"random weights in {spec.model}, not pretrained"
    if spec.weights:
        if not reads(model, spec.weights):
            load_weights(module, spec.weights)
        return f"{spec.weights} (sha256 {sha256(Path(spec.weights))[:16]})"
    if getattr(model, "has_weights", False):
        return f"pretrained, from {spec.model}"
    raise BadModel(
        f'{spec.model} has no pretrained weights to transfer. Expected a model with its own, or weights = "FILE" in'
        ' [[network]]; or say weights = "random".'
    )


def _features(network: Network, inputs: InputSpec, splits: Splits, folder: Path, progress: AbstractProgress) -> Any:
    """train.npy and validation.npy, (N, D) float32. Written as they come, so memory stays small."""
    start, size = time.perf_counter(), network.program.only.shape[0]
    network.eval()
    for name, split in (("train", splits.train), ("validation", splits.validation)):
        kept = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (len(split), size))
        with progress.task(f"features of {name}") as tick:
            _fill(kept, network, inputs, split, tick)
        kept.flush()
    return {"features": size, "seconds": time.perf_counter() - start}


def _fill(kept: Array, network: Network, inputs: InputSpec, split: AbstractSplit, tick: Any) -> None:
    done = 0
    with torch.inference_mode():
        for images, _ in split.batches(BATCH):
            x = torch.from_numpy(normalise(images, inputs)).contiguous(memory_format=torch.channels_last)
            kept[done : done + len(images)] = only(network(x)).numpy()
            done += len(images)
            tick(done, len(split))


def _head(
    head: nn.Module, features: Kept, splits: Splits, settings: Transfer, folder: Path, progress: AbstractProgress
) -> dict[str, Any]:
    pairs = [
        (np.load(features.folder / f"{name}.npy"), np.asarray(split.labels))
        for name, split in (("train", splits.train), ("validation", splits.validation))
    ]
    with progress.task("training the new head") as tick:
        figures = fit_head(head, pairs[0], pairs[1], settings, tick)
    save_weights(head, folder / "head.safetensors")
    return {"epochs": figures, "validation_accuracy": figures[-1]["validation_accuracy"]}
