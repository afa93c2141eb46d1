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

from ...core.arrays import only
from ...core.errors import BadData, BadModel
from ...core.preprocess import normalise
from ...graph.capture.capture import capture
from ...graph.head import body, width, with_head
from ...graph.program import Captured, Network
from ...models.weights import load_weights, save_weights
from ...store.content import content
from ...train.head import DroppingLinear, fit_head
from ...train.settings import Transfer
from .. import keys
from ..bench import Bench
from .order import Order
from .source_check import built, seen

BATCH = 50


def transferred(bench: Bench, order: Order) -> tuple[Network, str]:
    """The network with a head for the set's classes, trained on frozen features; and where it all came from.

    Two steps of the run folder: the features, and the head. Raises BadModel and BadData.
    """
    splits, settings = order.splits, order.spec.transfer
    assert settings is not None
    if splits.train.labels is None:
        raise BadData(f"Transfer learning needs labels, and {order.spec.data} has none. Name a labelled set.")
    source, origin = _pretrained(order, settings)
    torch.manual_seed(settings.seed)
    head = DroppingLinear(width(source), len(splits.classes), settings.dropout)
    key = {"source": keys.program(source), "data": splits.fingerprint}
    features = bench.kept("features", key, lambda folder: _features(bench, order, body(source), folder), keys.trained())

    def learn(folder: Path) -> dict[str, Any]:
        train, validation = (
            (np.load(features.folder / f"{name}.npy"), np.asarray(split.labels))
            for name, split in (("train", splits.train), ("validation", splits.validation))
        )
        with bench.doing("training the new head") as tick:
            figures = fit_head(head, train, validation, settings, tick)
        save_weights(head, folder / "head.safetensors")
        return {"epochs": figures, "validation_accuracy": figures[-1]["validation_accuracy"]}

    what = {**key, "head": content(head), "transfer": dataclasses.asdict(settings)}
    learnt = bench.kept("head", what, learn, keys.trained())
    load_weights(head, learnt.folder / "head.safetensors")
    reached = f"validation {learnt.value['validation_accuracy']:.2%}"
    text = (
        f"{origin}; a new head of {len(splits.classes)} classes on frozen features, {settings.epochs} epochs, {reached}"
    )
    return with_head(source, head, splits.classes).network, text


def _pretrained(order: Order, settings: Transfer) -> tuple[Captured, str]:
    """The network as it was pretrained, captured with its own head; and where its weights came from. Raises BadModel
    where it has none."""
    model, spec = order.model, order.spec
    torch.manual_seed(settings.seed)
    module = built(model, order.inputs, settings.classes, order.splits)
    if spec.weights == "random":
        origin = f"random weights in {spec.model}, not pretrained"
    elif spec.weights:
        origin = order.load_file(module)
    elif model.has_weights:
        origin = f"pretrained, from {spec.model}"
    else:
        raise BadModel(
            f'{spec.model} has no pretrained weights to transfer. Expected a model with its own, or weights = "FILE" in'
            ' [[network]]; or say weights = "random".'
        )
    return capture(module.eval(), order.inputs, (), seen(order.splits, order.inputs)), origin


def _features(bench: Bench, order: Order, network: Network, folder: Path) -> dict[str, Any]:
    """train.npy and validation.npy, (N, D) float32. Written as they come, so memory stays small."""
    start, size = time.perf_counter(), network.program.only.shape[0]
    network.eval()
    for name, split in (("train", order.splits.train), ("validation", order.splits.validation)):
        kept = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (len(split), size))
        done = 0
        with bench.doing(f"features of {name}") as tick, torch.inference_mode():
            for images, _ in split.batches(BATCH):
                x = torch.from_numpy(normalise(images, order.inputs)).contiguous(memory_format=torch.channels_last)
                kept[done : done + len(images)] = only(network(x)).numpy()
                done += len(images)
                tick(done, len(split))
        kept.flush()
    return {"features": size, "seconds": time.perf_counter() - start}
