"""torch.export, then one walk over its graph, to a program of the op table's operations.

BatchNorm, and whatever else is a gain and a shift per channel, is folded into the layer before it. What comes out is
held against its source in its own runtime (`same`), so that no other network is ever quantized in its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ...core.preprocess import input_range
from ...host.hush import hushed
from ..grids import on_own_grids
from ..parse.builder import Builder
from ..parse.parsers import PARSERS
from ..program import Captured, Network, Program
from .export import ONE_AT_A_TIME, exported
from .judge import Judge
from .one_result import giving_one
from .same import Captive, Samples, check_judge, check_module
from .trial import check_floats, example, tried

NOISE, IMAGES = "noise", "images of the data set"


def capture(
    module: nn.Module,
    inputs: InputSpec,
    classes: tuple[str, ...],
    images: torch.Tensor | None = None,
    judge: Judge | None = None,
) -> Captured:
    """The network of `module` in evaluation mode; `module` itself is left as it was.

    `images` are some of the data set's, (N, C, H, W) float32 and normalised: with noise, they are what the captured
    network is held against `module` on, and against `judge`, the runtime of the source that `module` was read from.
    Raises BadModel: several inputs or outputs, an output that is not `(N, classes)` scores, weights that are not
    float32 numbers, code that torch.export cannot follow, operations without a row, or another network than the
    source's.
    """
    with ONE_AT_A_TIME, hushed(), _evaluating(module), giving_one(module), torch.random.fork_rng(devices=[]):
        return _captured(module, inputs, classes, images, judge)


def _captured(
    module: nn.Module, inputs: InputSpec, classes: tuple[str, ...], images: torch.Tensor | None, judge: Judge | None
) -> Captured:
    check_floats(module)
    noise = example(module, inputs)
    samples: Samples = {NOISE: noise} | ({} if images is None else {IMAGES: images.to(noise.device)})
    graph = None
    if isinstance(module, Network):  # a program already: read from a file
        network = module.running(module.program).eval()  # without the hook that makes a tensor of its dict
    else:
        tried(module, inputs)
        graph = exported(module, noise)
        builder = Builder(graph, PARSERS)
        network = Network(builder.program(inputs), builder.layers.modules).eval()
    _check_output(network.program, classes)
    captive = Captive(module, graph, network, inputs)
    check_module(captive, samples)
    if judge is not None:
        check_judge(captive, judge, samples)
    return Captured(on_own_grids(network, input_range(inputs)), inputs, classes)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _check_output(program: Program, classes: tuple[str, ...]) -> None:
    scores = program.only.shape
    if len(scores) != 1:
        raise BadModel(
            f"The model's output has shape (N, {', '.join(map(str, scores))}); class scores (N, classes) were expected."
        )
    if not classes or scores[0] == len(classes):
        return
    background = (
        " One class more is often class 0, the background, as in TensorFlow's ImageNet networks: cut it off,"
        " scores[:, 1:] in a module around the network, or give the data set that class."
        if scores[0] == len(classes) + 1
        else " Give a model with a matching head."
    )
    raise BadModel(f"The model scores {scores[0]} classes and the data set has {len(classes)}.{background}")
