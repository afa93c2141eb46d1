"""Evaluates many variations of one network that differ in a single layer, and runs only what changed.

All tensors of the base network are kept for a batch of images. A variation then computes its layer from them, and the
steps that depend on it; the rest is read. `naive` runs every step of every variation instead: the same operations on
batches of the same size, so both give the same bits. Variations are not stacked into larger batches: on a CPU that
gains nothing (MobileNetV2 takes 3.4 ms an image at 16 and 32 images, 5.1 ms at 64, where its tensors leave the cache).
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..core.grid import fake_quantize
from ..core.progress import Tick
from ..graph.program import Captured, Step, activate, last_uses
from .forms import FLOAT, Form, Forms

Values = Mapping[str, torch.Tensor]
MEMORY, LARGEST_BATCH = 2**28, 32  # bytes of kept tensors; images


@dataclass(frozen=True)
class Question:
    """The base network with the step `step` in another form. `key` is the caller's name for it."""

    key: str
    step: str
    form: Form


@dataclass(frozen=True)
class Scored:
    """Scores (N, classes) float32 of the base network and of each question, by key."""

    base: torch.Tensor
    scores: dict[str, torch.Tensor]


class Engine:
    """Runs the steps of `captured` in the forms of `base`."""

    def __init__(self, captured: Captured, base: Forms) -> None:
        self.network, self.program, self.base = captured.network, captured.program, base
        self.affected = _affected(captured)
        self.last = last_uses(captured.program)

    def run(self, step: Step, values: Values, form: Form) -> torch.Tensor:
        """The tensor that the step makes."""
        if form.source is not None:
            values = ChainMap({step.inputs[0]: fake_quantize(values[step.inputs[0]], form.source)}, dict(values))
        made = (
            self._weighted(step, values[step.inputs[0]], form) if step.weighted else self.network.run_step(step, values)
        )
        return made if form.out is None else fake_quantize(made, form.out)

    def _weighted(self, step: Step, x: torch.Tensor, form: Form) -> torch.Tensor:
        layer = self.network.layer(step.layer)
        weight = layer.weight if form.weight is None else form.weight
        if isinstance(layer, nn.Linear):
            return activate(nn.functional.linear(x, weight, layer.bias), step.activation)
        return activate(layer._conv_forward(x, weight, layer.bias), step.activation)

    def keep(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every tensor of the base network."""
        values = {self.program.input: x}
        for step in self.program.steps:
            values[step.name] = self.run(step, values, self.base.get(step.name, FLOAT))
        return values

    def again(self, question: Question, values: Values) -> torch.Tensor:
        """The scores of one question, from the tensors of the base network."""
        fresh: dict[str, torch.Tensor] = {}
        seen = ChainMap(fresh, dict(values))
        for step in self.affected[question.step]:
            form = question.form if step.name == question.step else self.base.get(step.name, FLOAT)
            fresh[step.name] = self.run(step, seen, form)
            for name in self.last.get(step.name, ()):
                fresh.pop(name, None)
        return seen[self.program.only.tensor]

    def whole(self, question: Question, x: torch.Tensor) -> torch.Tensor:
        """The same from the images: every step runs."""
        values = {self.program.input: x}
        for step in self.program.steps:
            form = question.form if step.name == question.step else self.base.get(step.name, FLOAT)
            values[step.name] = self.run(step, values, form)
            for name in self.last.get(step.name, ()):
                del values[name]
        return values[self.program.only.tensor]


@torch.inference_mode()
def ask(engine: Engine, batches: Sequence[torch.Tensor], questions: Sequence[Question], tick: Tick) -> Scored:
    """All questions in one pass over the images, `(n, C, H, W)` normalised batches."""
    base: list[torch.Tensor] = []
    found: dict[str, list[torch.Tensor]] = {q.key: [] for q in questions}
    for x in batches:
        values = engine.keep(channels_last(x))
        base.append(values[engine.program.only.tensor])
        for question in questions:
            found[question.key].append(engine.again(question, values))
        tick(len(base), len(batches))
    return Scored(torch.cat(base), {key: torch.cat(parts) for key, parts in found.items()})


@torch.inference_mode()
def naive(engine: Engine, batches: Sequence[torch.Tensor], questions: Sequence[Question], tick: Tick) -> Scored:
    """A full evaluation for each question: what `ask` must equal to the digit."""
    base = torch.cat([engine.keep(channels_last(x))[engine.program.only.tensor] for x in batches])
    found = {}
    for number, question in enumerate(questions):
        found[question.key] = torch.cat([engine.whole(question, channels_last(x)) for x in batches])
        tick(number + 1, len(questions))
    return Scored(base, found)


def batch_size(captured: Captured) -> int:
    """As many images as their kept tensors have room for."""
    program = captured.program
    one = 4 * sum(int(torch.Size(program.shape(tensor)).numel()) for tensor in program.tensors)
    return max(1, min(LARGEST_BATCH, MEMORY // max(one, 1)))


def batches(images: torch.Tensor, size: int) -> list[torch.Tensor]:
    """In order, `size` at a time; the last one may be smaller."""
    return [images[start : start + size] for start in range(0, len(images), size)]


def channels_last(x: torch.Tensor) -> torch.Tensor:
    """The layout that torch's convolutions are fastest in on CPUs."""
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


def _affected(captured: Captured) -> dict[str, tuple[Step, ...]]:
    """Step name -> itself and all steps that depend on it, in order."""
    reach: dict[str, tuple[Step, ...]] = {}
    for number, step in enumerate(captured.program.steps):
        changed, found = {step.name}, [step]
        for later in captured.program.steps[number + 1 :]:
            if changed.intersection(later.inputs):  # it reads what changed, so it changes too
                changed.add(later.name)
                found.append(later)
        reach[step.name] = tuple(found)
    return reach
