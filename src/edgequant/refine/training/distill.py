"""Distillation: the quantized network learns a float network's answers (Hinton et al., 2015, arXiv:1503.02531)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import torch
import torch.nn.functional as F
from torch import nn

from ...core.arrays import Array
from ...core.errors import BadData, BadModel, BadOption
from ...core.image import InputSpec
from ...core.preprocess import normalise
from ...data.dataset import AbstractSplit
from ...graph.program import Network, Program
from ...train.loop import Loss
from ...train.training import Teacher, Training
from ..refiner import Teaches
from .network import FakeQuantized

BATCH = 250


@final
@dataclass(frozen=True)
class Distill(Teaches):
    """Gives the training of the refiner before it (`w4a4+qat+distill`) a teacher instead of, or beside, the labels.

    The loss is `alpha T^2 KL(teacher || student) + (1 - alpha) cross entropy`, both at temperature T in the first
    term, plus `hints` times the squared distance of the last feature maps, in units of the teacher's variance. With
    alpha 1 no label is looked at, so unlabelled images do; the accuracies of such a training are agreements with
    the teacher.
    """

    teacher: str = ""  # a model by name, or path/to/file.py:factory; "": the float network itself
    weights: str = ""  # the teacher's, a file
    temperature: float = 2.0
    alpha: float = 1.0
    hints: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise BadOption(f"distill: alpha is between 0 and 1. Got {self.alpha}.")
        if not self.temperature > 0 or not self.hints >= 0:
            raise BadOption(
                f"distill: temperature is above 0 and hints at least 0. Got {self.temperature} and {self.hints}."
            )

    def objective(self, training: Training) -> Training:
        """The training with this loss; and with the teacher's answers as labels, where there are none.

        Raises BadModel for a teacher of other classes or input size, BadData for alpha below 1 without labels.
        """
        teacher = training.teacher
        splits = training.splits
        if splits.train.labels is None and self.alpha < 1:
            raise BadData(
                f"distill:alpha={self.alpha:g} needs labels for the other {1 - self.alpha:g}, and the images have none."
                " Write distill:alpha=1."
            )
        if splits.train.labels is None:
            train, validation = (AnsweredSplit(s, _labels(s, teacher)) for s in (splits.train, splits.validation))
            splits = replace(splits, train=train, validation=validation)
        return replace(training, splits=splits, loss=lambda student: self._loss(student, teacher))

    def _loss(self, student: nn.Module, teacher: Teacher) -> Loss:
        """Raises BadModel."""
        assert isinstance(student, FakeQuantized)
        inputs, classes = student.reference.captured.inputs, student.reference.captured.classes
        check_teacher(teacher, student.program, inputs, classes)
        hint = _hint(student.program, teacher) if self.hints else None
        student.keep = (hint[0],) if hint else ()
        return _Distillation(self, student, _Answers(teacher, inputs), hint)


@dataclass(frozen=True)
class _Distillation:
    """The loss as the loop calls it: `(network, images, labels) -> (loss, logits)`."""

    options: Distill
    student: FakeQuantized  # what `network` is, without what accelerate may wrap around it
    answers: _Answers
    hint: tuple[str, str] | None  # the tensors compared, of the student and of the teacher

    def __call__(
        self, network: nn.Module, images: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        options = self.options
        wanted, feature = self.answers(images, self.hint[1] if self.hint else "")
        logits = network(images).float()
        loss = options.alpha * soft_cross_entropy(logits, wanted, options.temperature)
        if options.alpha < 1:
            loss = loss + (1 - options.alpha) * F.cross_entropy(logits, labels)
        if self.hint and feature is not None:
            loss = loss + options.hints * hint_distance(self.student.kept[self.hint[0]], feature)
        return loss, logits


class _Answers:
    """The teacher on the student's images: moved to their device, and to its own normalisation, once."""

    def __init__(self, teacher: Teacher, inputs: InputSpec) -> None:
        self.network, self.device = teacher.network.eval(), torch.device("cpu")
        self.ours, self.theirs = inputs, teacher.inputs
        self.softmax = ends_in_softmax(self.network)

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, keep: str = "") -> tuple[torch.Tensor, torch.Tensor | None]:
        """(N, classes) logits and the tensor called `keep`."""
        if images.device != self.device:
            self.network, self.device = self.network.to(images.device), images.device
        images, found = renormalised(images, self.ours, self.theirs), {}
        if isinstance(self.network, Network):
            values = self.network.run_all(images, visit=lambda n, v: found.update({n: v} if n == keep else {}))
            result = values[self.network.program.only.tensor]
        else:
            result = self.network(images)
        logits = result.float().clamp_min(1e-20).log() if self.softmax else result.float()
        return logits, found.get(keep)


def soft_cross_entropy(logits: torch.Tensor, wanted: torch.Tensor, temperature: float) -> torch.Tensor:
    """T^2 KL(softmax(wanted / T) || softmax(logits / T)), the mean over the batch, ()."""
    target, got = F.log_softmax(wanted / temperature, 1), F.log_softmax(logits / temperature, 1)
    return F.kl_div(got, target, reduction="batchmean", log_target=True) * temperature**2


def hint_distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Mean squared distance in units of the teacher's variance, ()."""
    return (student - teacher).square().mean() / teacher.var().clamp_min(1e-12)


def check_teacher(teacher: Teacher, program: Program, inputs: InputSpec, classes: tuple[str, ...]) -> None:
    """Raises BadModel where its answers are not answers to the student's question."""
    if teacher.inputs.shape != inputs.shape:
        raise BadModel(
            f"The teacher {teacher.name} takes images of {_size(teacher.inputs)} and the student of {_size(inputs)}."
            " Expected the same: name a teacher for this size, or leave it out to learn from the float network."
        )
    found = _Answers(teacher, inputs)(torch.zeros(1, *inputs.shape))[0].shape[-1]
    wanted = program.only.shape[-1]
    if found != wanted:
        raise BadModel(
            f"The teacher {teacher.name} tells {found} classes apart and the student {wanted}. Expected the same:"
            " name a teacher of this data set, or leave it out to learn from the float network."
        )
    if teacher.classes and classes and teacher.classes != classes:
        other = next(pair for pair in zip(teacher.classes, classes) if pair[0] != pair[1])
        raise BadModel(
            f"The teacher {teacher.name} calls a class {other[0]!r} that the student calls {other[1]!r}. Expected the"
            " same classes in the same order: name a teacher of this data set."
        )


def _size(inputs: InputSpec) -> str:
    return "x".join(str(side) for side in inputs.shape)


def _hint(program: Program, teacher: Teacher) -> tuple[str, str]:
    """The last feature maps of both. Raises BadModel where they cannot be compared."""
    ours = _last_image(program)
    theirs = _last_image(teacher.network.program) if isinstance(teacher.network, Network) else None
    if ours is None or theirs is None or ours[1] != theirs[1]:
        raise BadModel(
            f"distill:hints compares the last feature maps, of shape {theirs and theirs[1]} in the teacher"
            f" {teacher.name} and {ours and ours[1]} in the student. Expected the same; leave out hints."
        )
    return ours[0], theirs[0]


def _last_image(program: Program) -> tuple[str, tuple[int, ...]] | None:
    found = [s for s in program.steps if len(s.shape) == 3 and s.shape[1:] != (1, 1)]
    return (found[-1].name, found[-1].shape) if found else None


def renormalised(images: torch.Tensor, ours: InputSpec, theirs: InputSpec) -> torch.Tensor:
    """(N, C, H, W) as another network wants them; themselves where both want the same."""
    if (ours.mean, ours.std, ours.order) == (theirs.mean, theirs.std, theirs.order):
        return images
    mean, std, other_mean, other_std = (
        torch.tensor(x, device=images.device).view(1, -1, 1, 1) for x in (ours.mean, ours.std, theirs.mean, theirs.std)
    )
    pixels = images * std + mean
    return ((pixels if ours.order == theirs.order else pixels.flip(1)) - other_mean) / other_std


def ends_in_softmax(network: nn.Module) -> bool:
    """Whether its scores are probabilities."""
    return isinstance(network, Network) and network.program.ends_in_softmax


@dataclass(frozen=True)
class AnsweredSplit(AbstractSplit):
    """Images with a teacher's answers as their labels."""

    split: AbstractSplit
    answers: Array  # (N,) int64

    @property
    def labels(self) -> Array:
        return self.answers

    @property
    def indices(self) -> Array:
        return self.split.indices

    def take(self, positions: Array) -> Array:
        return self.split.take(positions)


def _labels(split: AbstractSplit, teacher: Teacher) -> Array:
    answers = _Answers(teacher, teacher.inputs)
    found = [
        answers(torch.from_numpy(normalise(images, teacher.inputs)))[0].argmax(1) for images, _ in split.batches(BATCH)
    ]
    return torch.cat(found).numpy() if found else torch.zeros(0, dtype=torch.int64).numpy()
