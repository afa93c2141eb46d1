"""The training loop: one for float training, quantization-aware training and distillation.

A checkpoint is written after every epoch, atomically. All randomness of an epoch comes from
(seed, epoch), so a run that was killed and resumed ends with the weights of one that was not.
Accuracy is reported on train and validation; the test split is never touched here, unlike in
common scripts that pick their checkpoint on it.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..core.arrays import Array
from ..core.errors import BadData, BadOption, Diverged
from ..core.extras import need
from ..core.image import InputSpec
from ..core.preprocess import normalise_tensor
from ..core.progress import Tick
from ..data.dataset import AbstractSplit, Splits
from ..graph.program import SCORES
from ..tasks.classify import Classify
from . import checkpoint
from .augment import augment, resize
from .schedule import average_decay, learning_rate, make_optimizer
from .settings import TrainSettings

Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]  # -> (loss, logits)


@dataclass(frozen=True)
class Watch:
    """Who is told of a training, and when."""

    report: Callable[[dict[str, float]], None] = lambda _: None  # after each epoch, with its figures
    tick: Tick = lambda _done, _total: None  # after each step
    begin: Tick = lambda _step, _total: None  # before each step
    say: Callable[[str], None] = lambda _: None  # what a person should know, such as that a GPU's memory was short


UNWATCHED = Watch()


@dataclass
class Trainer:
    """The state of a run. `fit` is the only caller."""

    network: nn.Module
    average: nn.Module | None
    optimizer: torch.optim.Optimizer
    settings: TrainSettings
    inputs: InputSpec
    steps: int  # per epoch
    accelerator: Any
    loss: Loss
    data: str  # fingerprint of the splits
    watch: Watch
    parts: int = 1  # of a batch, one after the other: more where a GPU's memory is short


def fit(
    network: nn.Module,
    splits: Splits,
    inputs: InputSpec,
    settings: TrainSettings,
    folder: Path,
    loss: Loss | None = None,
    watch: Watch = UNWATCHED,
) -> dict[str, Any]:
    """Train `network` in place, resuming from `folder` where it holds a checkpoint.

    `loss(network, images, labels) -> (loss, logits)` replaces cross entropy (distillation).
    Writes `checkpoint.pt` and `log.jsonl` to `folder`. Returns {"epochs": [figures of each]}, the
    network in eval mode and on the device it came from. Its first weights are the caller's: seed
    before building it.
    Raises BadData for a split that is empty or unlabelled, Diverged, and, for a checkpoint that
    does not belong here, BadModel (damaged, another network) or RunFolderError (other settings or data).
    """
    accelerate = need("train", "accelerate", "Training")
    from accelerate.utils import set_seed

    for name, split in (("train", splits.train), ("validation", splits.validation)):
        if not len(split):
            raise BadData(f"The {name} split is empty. Training needs images in it: give more, or cut less off.")
        if split.labels is None:
            raise BadData(f"Training needs labels, and the {name} split has none. Name a labelled set with --data.")
    folder.mkdir(parents=True, exist_ok=True)
    home = next(network.parameters(), torch.empty(0)).device
    set_seed(settings.seed)
    optimizer = make_optimizer(network, settings)
    # bf16 is ours (see _in_parts): accelerate's would stay patched into the network, and a process has only one.
    accelerator = accelerate.Accelerator(mixed_precision="no")
    network.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).eval() if settings.ema else None
    wrapped, optimizer = accelerator.prepare(network, optimizer)
    steps = max(1, len(splits.train) // settings.batch)
    loss = loss or smoothed_cross_entropy(settings.label_smoothing)
    trainer = Trainer(
        wrapped, average, optimizer, settings, inputs, steps, accelerator, loss, splits.fingerprint, watch
    )
    done = _resume(trainer, folder)
    for epoch in range(len(done), settings.epochs):
        figures = _epoch(trainer, splits.train, epoch)
        figures |= _validate(trainer, splits.validation)
        _finite(figures["validation_loss"], "validation", settings, epoch)
        done.append(figures)
        _save(trainer, done, folder)
        watch.report(figures)
    if trainer.average is not None:
        network.load_state_dict(trainer.average.state_dict())
    network.to(home).eval()
    return {"epochs": done}


def smoothed_cross_entropy(smoothing: float) -> Loss:
    task = Classify(smoothing)

    def loss(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = network(images).float()
        return task.loss({SCORES: logits}, labels), logits

    return loss


def _epoch(trainer: Trainer, split: AbstractSplit, epoch: int) -> dict[str, float]:
    settings, start = trainer.settings, time.perf_counter()
    torch.manual_seed(settings.seed * 100_003 + epoch)
    trainer.network.train()
    side = settings.side(epoch, trainer.inputs.height)
    total, correct, seen = 0.0, 0, 0
    for step, (pixels, labels) in enumerate(_batches(trainer, split, epoch), epoch * trainer.steps):
        for group in trainer.optimizer.param_groups:
            group["lr"] = learning_rate(settings, step, trainer.steps) * group.get("lr_factor", 1.0)
        trainer.watch.begin(step, settings.epochs * trainer.steps)
        value, hits = _step(trainer, pixels, labels, side)
        _finite(value, "training", settings, epoch)
        _update_average(trainer, step)
        total, correct, seen = total + value * len(labels), correct + hits, seen + len(labels)
        trainer.watch.tick(step + 1, settings.epochs * trainer.steps)
    seconds = time.perf_counter() - start
    return {"epoch": epoch + 1, "loss": total / seen, "accuracy": correct / seen, "side": side, "seconds": seconds}


def _finite(value: float, which: str, settings: TrainSettings, epoch: int) -> None:
    """Raises Diverged. Validation is looked at as well: a last step can ruin weights after a good training loss."""
    if not math.isfinite(value):
        kept = f"The checkpoint of epoch {epoch} is kept." if epoch else "There is no checkpoint yet."
        raise Diverged(
            f"The {which} loss became {value} in epoch {epoch + 1}. {kept}"
            f" Lower train.lr (now {settings.lr}) or lengthen train.warmup_epochs (now {settings.warmup_epochs})."
        )


def _batches(trainer: Trainer, split: AbstractSplit, epoch: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """This process's share of each batch, shuffled by (seed, epoch); an incomplete last batch is dropped."""
    rng = np.random.default_rng((trainer.settings.seed, epoch))
    order, batch = rng.permutation(len(split)), min(trainer.settings.batch, len(split))
    accelerator, labels = trainer.accelerator, split.labels
    assert labels is not None
    for step in range(trainer.steps):
        where = order[step * batch : (step + 1) * batch][accelerator.process_index :: accelerator.num_processes]
        yield to_pixels(split.take(where), accelerator.device), torch.as_tensor(labels[where]).to(accelerator.device)


def to_pixels(images: Array, device: Any) -> torch.Tensor:
    """(N, H, W, C) pixels -> (N, C, H, W) float32 on `device`, channels last in memory."""
    return torch.as_tensor(images).to(device).permute(0, 3, 1, 2).float()


def _step(trainer: Trainer, pixels: torch.Tensor, labels: torch.Tensor, side: int) -> tuple[float, int]:
    """One update. Returns the loss and how many of the batch were right."""
    pixels = resize(augment(pixels, trainer.settings), side)
    images = normalise_tensor(pixels, trainer.inputs).contiguous(memory_format=torch.channels_last)
    value, hits = gradients(trainer, images, labels)
    trainer.optimizer.step()
    return value, hits


@torch.no_grad()
def _update_average(trainer: Trainer, step: int) -> None:
    if trainer.average is None:
        return
    decay, current = average_decay(trainer.settings, step), _plain(trainer.network).state_dict()
    for name, value in trainer.average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(current[name], 1 - decay)
        else:
            value.copy_(current[name])


@torch.no_grad()
def _validate(trainer: Trainer, split: AbstractSplit) -> dict[str, float]:
    network = (trainer.network if trainer.average is None else trainer.average).eval()
    total, correct = 0.0, 0
    for images, labels in split.batches(500):
        target = torch.as_tensor(labels).to(trainer.accelerator.device)
        x = normalise_tensor(to_pixels(images, target.device), trainer.inputs)
        logits = network(x.contiguous(memory_format=torch.channels_last)).float()
        total += float(F.cross_entropy(logits, target, reduction="sum"))
        correct += int((logits.argmax(1) == target).sum())
    return {"validation_loss": total / len(split), "validation_accuracy": correct / len(split)}


def _plain(network: nn.Module) -> nn.Module:
    """The network inside what accelerate wrapped around it."""
    return getattr(network, "module", network) if hasattr(network, "device_ids") else network


def _save(trainer: Trainer, done: list[dict[str, float]], folder: Path) -> None:
    if not trainer.accelerator.is_main_process:
        return
    state = {
        "network": _plain(trainer.network).state_dict(),
        "average": None if trainer.average is None else trainer.average.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "epochs": done,
        "settings": checkpoint.describe(trainer.settings),
        "data": trainer.data,
    }
    checkpoint.save(folder, state)


def _resume(trainer: Trainer, folder: Path) -> list[dict[str, float]]:
    """The figures of the epochs that are done; the trainer is put where the last of them left it."""
    state = checkpoint.read(folder, trainer.settings, trainer.data, trainer.accelerator.device)
    if state is None:
        return []
    targets = [(_plain(trainer.network), state["network"]), (trainer.optimizer, state["optimizer"])]
    if trainer.average is not None:
        targets.append((trainer.average, state["average"]))
    checkpoint.restore(folder / checkpoint.CHECKPOINT, targets)
    done: list[dict[str, float]] = state["epochs"]
    if trainer.accelerator.is_main_process:
        checkpoint.write_log(folder, done)
    return done


def gradients(trainer: Trainer, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
    """Those of the mean loss of the batch, in as many parts as the GPU's memory asks for. Raises BadOption."""
    while True:
        try:
            return _in_parts(trainer, images, labels)
        except torch.OutOfMemoryError as error:
            if trainer.parts >= len(labels):
                raise BadOption(
                    f"The GPU has no memory for one image of {images.shape[2]}x{images.shape[3]} pixels. Expected some"
                    " to be free: stop what else runs on it, or train on the CPU with CUDA_VISIBLE_DEVICES= before the"
                    " command."
                ) from error
        trainer.parts *= 2
        torch.cuda.empty_cache()
        size = -(-len(labels) // trainer.parts)
        trainer.watch.say(
            f"  note: the GPU's memory is short for {len(labels)} images at once; from here on a batch is worked off"
            f" {size} at a time, and its gradients are added up"
        )


def _in_parts(trainer: Trainer, images: torch.Tensor, labels: torch.Tensor) -> tuple[float, int]:
    """The mean loss and the hits of a batch; its gradients are left in the parameters."""
    trainer.optimizer.zero_grad()
    total, hits = 0.0, 0
    for x, y in zip(images.chunk(trainer.parts), labels.chunk(trainer.parts)):
        with torch.autocast(x.device.type, torch.bfloat16, enabled=trainer.settings.precision == "bf16"):
            loss, logits = trainer.loss(trainer.network, x, y)
        share = len(y) / len(labels)
        trainer.accelerator.backward(loss if share == 1 else loss * share)
        total, hits = total + float(loss.detach()) * share, hits + int((logits.argmax(1) == y).sum())
    return total, hits
