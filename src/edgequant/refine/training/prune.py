"""Pruning as a part of a recipe: channels go, training with the whole network as teacher mends what that cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ...core.errors import BadData, BadOption
from ...core.image import InputSpec
from ...core.preprocess import normalise
from ...core.progress import Tick
from ...data.dataset import AbstractSplit
from ...train.loop import Loss, Watch, fit
from ...train.settings import TrainSettings
from ...train.training import Teacher, Training
from ..refiner import Shrinks
from .channels import History, Pruning, count, shrink
from .distill import soft_cross_entropy

SCORED = 256  # training images that the importance `taylor` asks


@final
@dataclass(frozen=True)
class Prune(Shrinks):
    """Takes whole channels out before the network is captured: `w8a8+prune:keep=0.5+qat+distill`.

    In `steps` equal parts, each followed by its share of `epochs` with the float network's answers (weight `alpha`,
    temperature) and the labels. What is left is an ordinary smaller network: it runs faster everywhere, in float too.
    """

    keep: float = 0.5  # of what `measure` counts; with `kb` or `ms` it is found
    kb: float = 0.0  # the file of the recipe has at most so many kilobytes (of 1,000 bytes); 0: not asked
    ms: float = 0.0  # one image takes at most so many milliseconds in the target's runtime, here; 0: not asked
    measure: str = "params"
    importance: str = "magnitude"
    scope: str = "global"
    round_to: int = 8
    least: float = 0.1
    spare: str = "nothing"
    steps: int = 1
    epochs: int = 4
    lr: float = 0.02  # the peak of each part, with half-cosine decay
    alpha: float = 0.7
    temperature: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        self.pruning()
        self.settings(None, 1)
        if not 1 <= self.steps <= self.epochs:
            raise BadOption(f"prune: steps is between 1 and epochs. Got {self.steps} and {self.epochs}.")
        if min(self.kb, self.ms) < 0 or (self.kb and self.ms):
            raise BadOption(f"prune: kb or ms, one of them, above 0. Got kb={self.kb:g} and ms={self.ms:g}.")
        if not (0 <= self.alpha <= 1 and self.temperature > 0):
            raise BadOption(
                f"prune: alpha is between 0 and 1, temperature above 0. Got {self.alpha:g} and {self.temperature:g}."
            )

    def pruning(self) -> Pruning:
        """What goes. Raises BadOption."""
        return Pruning(self.keep, self.measure, self.importance, self.scope, self.round_to, self.least, self.spare)

    def settings(self, training: TrainSettings | None, epochs: int) -> TrainSettings:
        """How one part trains, given how the whole network was trained. Raises BadOption."""
        base = training or TrainSettings(batch=64, augment=("crop",))
        return replace(
            base, epochs=epochs, optimizer="sgd", lr=self.lr, momentum=0.9, schedule="cosine", warmup_epochs=0.1,
            label_smoothing=0.0, ema=0.0, resolutions=(), seed=self.seed,
        )  # fmt: skip

    def shrink(self, module: nn.Module, inputs: InputSpec, training: Training, tick: Tick) -> History:
        """Prune and train `module`, in place. Returns which channels went, for `channels.rebuild`.

        Raises BadData without labels, BadModel where the network cannot be pruned so far, and Diverged.
        """
        if training.splits.train.labels is None:
            raise BadData("prune trains with labels, and the images have none. Leave prune out of the recipe.")
        whole, history = count(module, inputs.shape, self.measure), []
        for part in range(1, self.steps + 1):
            keep = (1 - (1 - self.keep) * part / self.steps) * whole / count(module, inputs.shape, self.measure)
            history += self.cut(module, inputs, training.splits.train, keep)
            left = count(module, inputs.shape, self.measure) / whole
            training.say(f"  prune: {left:.1%} of the {self.measure} left")
            self._train(module, inputs, training, part, tick)
        return history

    def cut(self, module: nn.Module, inputs: InputSpec, images: AbstractSplit, keep: float) -> History:
        """Take channels out of `module`, in place, until `keep` of it is left, and train nothing. Raises BadModel.

        `images`, labelled ones, are what the importance `taylor` asks; the others look at none.
        """
        return shrink(module, inputs.shape, self.pruning(), keep, _Scored(inputs, images, self.seed))

    def keeping(self, keep: float) -> Prune:
        return replace(self, keep=keep, kb=0.0, ms=0.0)

    def _train(self, module: nn.Module, inputs: InputSpec, training: Training, part: int, tick: Tick) -> None:
        epochs = self.epochs * part // self.steps - self.epochs * (part - 1) // self.steps
        settings, loss = (
            self.settings(training.settings, epochs),
            taught(training.teacher, self.alpha, self.temperature),
        )
        watch = Watch(lambda figures: training.say(_line(figures, part, epochs)), tick)
        fit(module, training.splits, inputs, settings, training.folder / f"part-{part}", loss, watch)


@dataclass(frozen=True)
class _Scored:
    """The loss on some training images, as the importance `taylor` wants it; made only where it is asked."""

    inputs: InputSpec
    images: AbstractSplit
    seed: int

    def __call__(self, module: nn.Module) -> torch.Tensor:
        assert self.images.labels is not None
        some = np.random.default_rng(self.seed).permutation(len(self.images))[:SCORED]
        images = torch.from_numpy(normalise(self.images.take(some), self.inputs))
        return F.cross_entropy(module(images), torch.from_numpy(np.asarray(self.images.labels[some])))


def taught(teacher: Teacher, alpha: float, temperature: float) -> Loss:
    """`alpha` of the teacher's answers (Hinton et al., 2015, arXiv:1503.02531), the rest cross entropy with labels."""
    network = teacher.network.eval()

    def loss(student: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            wanted = network.to(images.device)(images).float()
        logits = student(images).float()
        soft = soft_cross_entropy(logits, wanted, temperature)
        return alpha * soft + (1 - alpha) * F.cross_entropy(logits, labels), logits

    return loss


def _line(figures: dict[str, float], part: int, epochs: int) -> str:
    return (
        f"  prune part {part}, epoch {figures['epoch']:.0f}/{epochs}: train {figures['accuracy']:.2%},"
        f" validation {figures['validation_accuracy']:.2%} ({figures['seconds']:.0f} s)"
    )
