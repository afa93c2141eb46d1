"""The head of a captured classifier: cut off, and a new one put on. One way for every framework's networks."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from ..core.errors import BadModel
from .program import SCORES, Captured, Network, Output, Program, Step

FEATURES = "features"  # what a body returns


def body(captured: Captured) -> Network:
    """All before the last layer: float32 `(N, C, H, W)` images in, the features that the head reads `(N, D)` out.

    Layers are shared with `captured`. Raises BadModel where the last layer does not read a vector.
    """
    return captured.network.running(_body(captured))


def with_head(captured: Captured, head: nn.Linear, classes: tuple[str, ...]) -> Captured:
    """The network with `head` in place of its last layer, and without what came behind it (a softmax).

    Raises BadModel where the last layer does not read a vector.
    """
    program, last = _body(captured), captured.program.layers[-1]
    step = Step(last.name, "linear", (program.only.tensor,), (len(classes),), {}, last.layer)
    whole = replace(program, outputs=(Output(SCORES, step.name, step.shape),), steps=(*program.steps, step))
    return Captured(captured.network.running(whole, {last.layer: head}), captured.inputs, classes)


def width(captured: Captured) -> int:
    """How many features the head reads."""
    return _body(captured).only.shape[0]


def _body(captured: Captured) -> Program:
    program = captured.program
    if not program.layers:
        raise BadModel("The network has no layer with weights, so it has no head to replace. Name a classifier.")
    last = program.layers[-1]
    before = program.steps[: program.steps.index(last)]
    source = last.inputs[0]
    shape = program.shape(source)
    if len(shape) == 3 and shape[1:] == (1, 1):  # a head written as a 1x1 convolution
        flat = Step(f"{last.name}_features", "reshape", (source,), (shape[0],), {"shape": (shape[0],)}, last.layer)
        return replace(program, outputs=(Output(FEATURES, flat.name, flat.shape),), steps=(*before, flat))
    if len(shape) != 1:
        raise BadModel(
            f"The last layer, {last.layer}, reads {shape} values. Expected a vector of features: a network that ends"
            " in pooling and one linear layer."
        )
    return replace(program, outputs=(Output(FEATURES, source, shape),), steps=before)
