"""torch.export, then a few rewrites, to a program of the op table's operations.

BatchNorm is folded into the convolution or linear layer before it (W' = W * g / sqrt(v + eps),
b' = (b - m) * g / sqrt(v + eps) + beta; Jacob et al., 2018, arXiv:1712.05877, eq. 14).
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx, nn

from ..core.errors import BadModel
from ..core.records import InputSpec
from .ops import OPS
from .parsers import PARSERS, RELUS, RESHAPES, Layers, activation, path, refuse, shape, value, with_weights
from .program import Activation, Captured, Network, Program, Step

TRANSPARENT = {
    *("alias", "clone", "contiguous", "detach", "detach_", "lift_fresh_copy"),
    *("dropout", "dropout_", "feature_dropout", "feature_dropout_"),
}


def capture(module: nn.Module, inputs: InputSpec, classes: tuple[str, ...]) -> Captured:
    """The network of `module` in evaluation mode; `module` itself is left as it was.

    Raises BadModel: several inputs or outputs, an output that is not `(N, classes)` scores, weights
    that are not numbers, code that torch.export cannot follow, an operation without a row, or
    scores that the captured network does not reproduce.
    """
    check_finite(module)
    with _evaluating(module):
        builder = _Builder(_export(module, inputs))
        network = Network(builder.program(inputs), builder.layers.modules).eval()
        _check_output(network.program, classes)
        _check_scores(module, network, inputs)
    return Captured(network, inputs, classes)


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


class _Builder:
    """Walks the exported graph once; each tensor of it is either a step's result or an alias of one."""

    def __init__(self, exported: fx.GraphModule) -> None:
        self.layers = Layers(exported)
        self.steps: list[Step] = []
        self.alias: dict[fx.Node, str] = {}  # node -> the tensor that carries its value
        self.input = ""
        self.output = ""
        for node in exported.graph.nodes:
            self._visit(node)

    def program(self, inputs: InputSpec) -> Program:
        return Program(self.input, inputs.shape, self.output, tuple(self.steps))

    def _visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self._placeholder(node)
        elif node.op == "output":
            self._output(node)
        elif node.op == "call_function" and self._from_image(node):
            target = str(node.target)
            self._call(node, target.split(".")[1] if "." in target else target)

    def _from_image(self, node: fx.Node) -> bool:
        """Not arithmetic on sizes, and not on constants: those matter only where a layer reads them."""
        made = node.meta.get("val")
        tensor = isinstance(made, torch.Tensor) or (isinstance(made, list | tuple) and len(made) > 0)
        return tensor and any(source in self.alias for source in node.all_input_nodes)

    def _placeholder(self, node: fx.Node) -> None:
        if self.input:
            raise BadModel("The model takes several inputs; edgequant takes networks with one image input. Wrap it.")
        self.input = self.alias[node] = node.name

    def _output(self, node: fx.Node) -> None:
        results: Any = node.args[0] if isinstance(node.args[0], list | tuple) else (node.args[0],)
        if len(results) != 1 or not isinstance(results[0], fx.Node):
            raise BadModel(
                f"The model returns {len(results)} results; edgequant takes networks that return class scores only."
            )
        self.output = self._tensor(node, results[0])

    def _call(self, node: fx.Node, name: str) -> None:
        if _changes_nothing(node, name):
            self.alias[node] = self._tensor(node, node.args[0])
        elif name == "batch_norm":
            self._batch_norm(node)
        elif name in RELUS and activation(node, name):
            self._activation(node, activation(node, name), in_place=name.endswith("_"))
        elif name in PARSERS:
            self._append(node, *PARSERS[name](self.layers, node), in_place=name.endswith("_"))
        else:
            refuse(node, f"The operation {node.target}", f"known are {', '.join(sorted(OPS))}")

    def _append(self, node: fx.Node, kind: str, attrs: dict[str, Any], in_place: bool = False) -> None:
        operands = attrs.pop("operands", None) or [node.args[0]]
        names = tuple(self._tensor(node, operand) for operand in operands)
        self.steps.append(Step(node.name, kind, names, shape(node), attrs, attrs.pop("layer", path(node))))
        self._becomes(node, names[0], in_place)

    def _becomes(self, node: fx.Node, before: str, in_place: bool) -> None:
        """After an operation in place, every name of the old tensor means the new one."""
        self.alias[node] = node.name
        if in_place:
            self.alias.update({n: node.name for n, tensor in self.alias.items() if tensor == before})

    def _tensor(self, node: fx.Node, argument: Any) -> str:
        if argument not in self.alias:
            refuse(node, f"{node.target} on the constant {argument}", "operations on what comes from the image are")
        return self.alias[argument]

    def _last(self, tensor: str) -> Step | None:
        """The step that makes a tensor; None for the input."""
        return next((step for step in self.steps if step.name == tensor), None)

    def _alone(self, tensor: str) -> bool:
        """Whether the node being visited is the only one that ever reads the tensor."""
        return all(len(node.users) == 1 for node, name in self.alias.items() if name == tensor)

    def _activation(self, node: fx.Node, kind: Activation, in_place: bool) -> None:
        """Behind an op that fuses, and whose result nobody else reads, it is part of that op's step."""
        before = self._tensor(node, node.args[0])
        last = self._last(before)
        unread = self._alone(before) or (in_place and not any(before in step.inputs for step in self.steps))
        if last is None or last.activation or not OPS[last.kind].fuses or not unread:
            self._append(node, kind, {}, in_place)
            return
        fused = Step(node.name, last.kind, last.inputs, last.shape, last.attrs, last.layer, kind)
        self.steps[self.steps.index(last)] = fused
        self._becomes(node, before, in_place)

    def _batch_norm(self, node: fx.Node) -> None:
        if node.args[5] or node.args[3] is None:
            refuse(node, "A BatchNorm without running statistics", "track_running_stats=True is")
        weight, bias = (self.layers.tensor(argument) for argument in node.args[1:3])
        mean, variance = (self.layers.stored(argument) for argument in node.args[3:5])
        epsilon: Any = node.args[7]
        gain = (torch.ones_like(mean) if weight is None else weight) / torch.sqrt(variance + epsilon)
        shift = (0 if bias is None else bias) - mean * gain
        before = self._tensor(node, node.args[0])
        last = self._last(before)
        if last is not None and last.weighted and not last.activation and self._alone(before):
            _fold(self.layers.modules[last.layer], gain, shift)
            self.alias[node] = before
        else:
            self._append(node, "conv2d", {"layer": self._per_channel_affine(node, gain, shift), "depthwise": True})

    def _per_channel_affine(self, node: fx.Node, gain: torch.Tensor, shift: torch.Tensor) -> str:
        """A BatchNorm with no layer before it, as the 1x1 depthwise convolution it is."""
        if len(shape(node)) != 3:
            refuse(node, "A BatchNorm that stands alone on a vector", "one behind a linear layer is")
        conv = nn.Conv2d(len(gain), len(gain), 1, groups=len(gain), device="meta")
        return self.layers.add(path(node) or node.name, with_weights(conv, gain.view(-1, 1, 1, 1), shift))


def _changes_nothing(node: fx.Node, name: str) -> bool:
    if name in RESHAPES:
        return shape(node) == shape(node.args[0])
    return name in TRANSPARENT or (name == "to" and value(node).dtype == torch.float32)


def _fold(layer: nn.Module, gain: torch.Tensor, shift: torch.Tensor) -> None:
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    weight = layer.weight.data
    bias = torch.zeros_like(shift) if layer.bias is None else layer.bias.data
    with_weights(layer, weight * gain.view(-1, *[1] * (weight.dim() - 1)), bias * gain + shift)


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
