"""torch.export, then one walk over its graph, to a program of the op table's operations.

BatchNorm, and whatever else is a gain and a shift per channel, is folded into the layer before it.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import fx, nn

from ..core.errors import BadModel
from ..core.preprocess import input_range
from ..core.records import InputSpec
from .builder import Builder
from .grids import on_own_grids
from .program import Captured, Network, Program


def capture(module: nn.Module, inputs: InputSpec, classes: tuple[str, ...]) -> Captured:
    """The network of `module` in evaluation mode; `module` itself is left as it was.

    Raises BadModel: several inputs or outputs, an output that is not `(N, classes)` scores, weights
    that are not numbers, code that torch.export cannot follow, an operation without a row, or
    scores that the captured network does not reproduce.
    """
    check_finite(module)
    if isinstance(module, Network):  # a program already: read from a file
        _check_output(module.program, classes)
        return Captured(on_own_grids(module.eval(), input_range(inputs)), inputs, classes)
    with _evaluating(module):
        builder = Builder(_export(module, inputs))
        network = Network(builder.program(inputs), builder.layers.modules).eval()
        _check_output(network.program, classes)
        _check_scores(module, network, inputs)
    return Captured(on_own_grids(network, input_range(inputs)), inputs, classes)


def check_finite(module: nn.Module) -> None:
    """Raises BadModel where a weight is NaN or infinite."""
    for name, weight in module.state_dict().items():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            bad = int((~torch.isfinite(weight)).sum())
            raise BadModel(
                f"The weight {name!r} has {bad} values that are NaN or infinite. Train again, or load others."
            )


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _example(module: nn.Module, inputs: InputSpec) -> torch.Tensor:
    """(2, C, H, W) normal noise, always the same, where the module's weights are."""
    noise = torch.randn(2, *inputs.shape, generator=torch.Generator().manual_seed(0))
    return noise.to(next(module.parameters(), noise).device)


def _export(module: nn.Module, inputs: InputSpec) -> fx.GraphModule:
    ready = getattr(module, "exported", None)
    if isinstance(ready, fx.GraphModule):  # torch.export's already, with the names of the module it was made of
        return ready
    batch = torch.export.Dim("batch", min=1, max=65536)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, (_example(module, inputs),), dynamic_shapes=({0: batch},))
            return exported.module(check_guards=False)
    except Exception as error:  # torch.export raises whatever the user's code does
        raise BadModel(_why(error)) from error


def _why(error: Exception) -> str:
    """One line: where in the user's code torch.export stopped, and what it said."""
    text = str(error)
    stops = [line.strip() for line in text.splitlines() if line.strip().startswith("File ") and "/torch/" not in line]
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/torch/" not in f.filename]
    where = stops[-1] if stops else f"File {frames[-1].filename}, line {frames[-1].lineno}"
    said = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    return (
        f"torch.export could not capture the model: {type(error).__name__}: {said.strip()[:200]} (at {where})."
        " A model must take one image batch and have no control flow that depends on values."
    )


def _check_output(program: Program, classes: tuple[str, ...]) -> None:
    scores = program.shape(program.output)
    if len(scores) != 1:
        raise BadModel(
            f"The model's output has shape (N, {', '.join(map(str, scores))}); class scores (N, classes) were expected."
        )
    if classes and scores[0] != len(classes):
        raise BadModel(
            f"The model scores {scores[0]} classes and the data set has {len(classes)}."
            " Give a model with a matching head."
        )


def _check_scores(module: nn.Module, network: Network, inputs: InputSpec) -> None:
    """The net under everything above: what was captured computes what the module computes."""
    images = _example(module, inputs)
    with torch.no_grad():
        wanted, got = module(images), network(images)
    largest = float(wanted.abs().max())
    difference = float((wanted - got).abs().max())
    if not difference <= 1e-3 * max(largest, 1e-3):  # folding BatchNorm moves float32 by about 1e-6 of the largest
        raise BadModel(
            f"The captured network's scores differ from the model's by up to {difference:.3g} (largest score"
            f" {largest:.3g}). Write views of a tensor, and operations in place on it, apart."
        )
