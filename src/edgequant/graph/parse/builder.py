"""Walks the exported graph once; each tensor of it is a step's result, seen through a view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ..ops.table import OPS
from ..program import SCORES, Activation, Output, Program, Step
from .aliases import check_written, storage
from .channel_order import ORDERS, Order, unchanged
from .constants import Layers, fold, with_weights
from .nodes import Unreadable, in_place, name_of, odd, path, place, refuse, shape, value
from .refusals import Refusals
from .views import Shape, Value, View, reshaped, shuffled_groups, whole

KNOWN = f"known are {', '.join(sorted(OPS))}"


@dataclass(frozen=True)
class Parts:
    """A split tensor: the bounds of each part along `dim`, which counts dimensions without the batch."""

    value: Value | None  # None: of what cannot be read
    dim: int
    bounds: tuple[tuple[int, int], ...]


class Builder:
    """Holds what the walk has made so far; the parsers add to it.

    What no parser reads is noted, and its result stands as a tensor from nowhere, so that one walk finds all that is
    unreadable. Raises BadModel at the end of it. `parsers`: which one reads which ATen name. `dtype` is
    float64 where the source check wants an exact network.
    """

    def __init__(
        self, exported: fx.GraphModule, parsers: Mapping[str, Parser], dtype: torch.dtype = torch.float32
    ) -> None:
        self.parsers = parsers
        self.layers = Layers(exported, dtype)
        self.steps: list[Step] = []
        self.shapes: dict[str, Shape] = {}
        self.values: dict[fx.Node, Value] = {}
        self.parts: dict[fx.Node, Parts] = {}
        self.stale: set[str] = set()  # tensors whose values no node shows: something behind them went into their layer
        self.refusals = Refusals()
        self.input = ""
        self.outputs: tuple[Output, ...] = ()
        for node in exported.graph.nodes:
            self._visit(node)
        self.refusals.raise_all()

    def program(self, inputs: InputSpec) -> Program:
        return Program(self.input, inputs.shape, self.outputs, tuple(self.steps))

    def _visit(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self._placeholder(node)
        elif node.op == "output":
            try:
                self._output(node)
            except Unreadable as error:
                self.refusals.add(node, error, odd=False)
        elif node.op == "call_function" and self._from_image(node):
            try:
                self._call(node)
            except Unreadable as error:
                self._opaque(node, error)

    def _from_image(self, node: fx.Node) -> bool:
        """Not arithmetic on sizes, and not on constants: those matter only where a layer reads them.

        Nor what nobody reads, as the second result of a pooling.
        """
        if not node.users and not in_place(node):
            return False
        made = node.meta.get("val")
        tensor = isinstance(made, torch.Tensor) or (isinstance(made, list | tuple) and len(made) > 0)
        return tensor and any(self.knows(source) for source in node.all_input_nodes)

    def _opaque(self, node: fx.Node, error: Unreadable) -> None:
        """The result of what cannot be read, as a tensor from nowhere; one of an odd shape blames nobody behind it."""
        self.refusals.add(node, error, odd=odd(node))
        if isinstance(value(node), torch.Tensor):
            self.nowhere(node)
        else:
            self.parts[node] = Parts(None, 0, ())

    def nowhere(self, node: fx.Node) -> None:
        """A tensor that no step makes: the program is refused at the end, and the walk goes on."""
        self.shapes[node.name] = shape(node)
        self.values[node] = Value(node.name, whole(shape(node)))

    def _placeholder(self, node: fx.Node) -> None:
        if self.input:
            raise BadModel("The model takes several inputs; edgequant takes networks with one image input. Wrap it.")
        self.input = node.name
        self.shapes[node.name] = shape(node)
        self.values[node] = Value(node.name, whole(shape(node)))

    def _output(self, node: fx.Node) -> None:
        results: Any = node.args[0] if isinstance(node.args[0], list | tuple) else (node.args[0],)
        if len(results) != 1 or not isinstance(results[0], fx.Node):
            raise BadModel(
                f"The model returns {len(results)} results; edgequant takes networks that return class scores only."
            )
        tensor = self.plain(node, results[0])
        self.outputs = (Output(SCORES, tensor, self.shapes[tensor]),)

    def _call(self, node: fx.Node) -> None:
        name = name_of(node)
        if name not in self.parsers:
            raise Unreadable(f"The operation {node.target}", place(node), KNOWN, unknown=True)
        self.parsers[name](self, node)
        _check_result(node)

    # Operands

    def knows(self, argument: Any) -> bool:
        """Whether the argument comes from the image."""
        return argument in self.values or argument in self.parts

    def value(self, node: fx.Node, argument: Any) -> Value:
        """Raises BadModel where the argument is a constant."""
        if argument not in self.values:
            refuse(node, f"{node.target} on the constant {argument}", "operations on what comes from the image are")
        return self.values[argument]

    def plain(self, node: fx.Node, argument: Any) -> str:
        """The tensor itself, in the shape and order in which the node reads it; a step is written where it has none."""
        found = self.value(node, argument)
        if not found.view.identity:
            found = self.values[argument] = self._written(node, argument, found)
        return found.tensor

    def _written(self, node: fx.Node, argument: fx.Node, found: Value) -> Value:
        """A view as a tensor of its own: a reshape, shuffled channels, or both. Raises BadModel for any other order."""
        size, view = found.view.shape, found.view
        image = (*view.base, 1, 1)[:3] if len(view.base) in (1, 3) else ()
        seen = reshaped(view, image) if image else None  # the same order, whatever shape the node wants it in
        groups = shuffled_groups(seen) if seen is not None else None
        if len(size) not in (1, 3) or not (view.plain or groups):
            refuse(
                node,
                f"{node.target} on an image {view.base} seen as {size}, permuted",
                "permutes that cancel, channel shuffles, and layers on the channels of a permuted image are",
            )
        source = found.tensor
        if groups:
            if view.base != image:
                source = self.step(argument, "reshape", [source], image, {"shape": image}, suffix=".image")
            source = self.step(
                argument, "shuffle", [source], image, {"groups": groups}, suffix=".order" * (size != image)
            )
            if size == image:
                return Value(source, whole(size))
        return Value(self.step(argument, "reshape", [source], size, {"shape": size}), whole(size))

    def last(self, tensor: str) -> Step | None:
        """The step that makes a tensor; None for the input."""
        return next((step for step in reversed(self.steps) if step.name == tensor), None)

    def alone(self, tensor: str) -> bool:
        """Whether the node being visited is the only one that ever reads the tensor."""
        return all(len(node.users) == 1 for node, value in self.values.items() if value.tensor == tensor)

    # Results

    def step(
        self,
        node: fx.Node,
        kind: str,
        inputs: Sequence[str],
        size: Shape,
        attrs: Mapping[str, Any] | None = None,
        layer: str | None = None,
        suffix: str = "",
    ) -> str:
        """Append a step; the name of its tensor back: the node's, and a suffix for what only leads to it.

        A view written down has the name of a node whose own tensor may have it already: then a number tells them apart.
        """
        name, count = node.name + suffix, 1
        while name in self.shapes:
            count += 1
            name = f"{node.name}{suffix}.{count}"
        where = path(node) if layer is None else layer
        self.steps.append(Step(name, kind, tuple(inputs), size, attrs or {}, where))
        self.shapes[name] = size
        return name

    def layer(self, node: fx.Node, module: nn.Module) -> str:
        return self.layers.add(path(node) or node.name, module)

    def becomes(self, node: fx.Node, tensor: str, view: View | None = None) -> None:
        """After an operation in place, every name of the old tensor means the new one."""
        written: Any = node.args[0]
        before = self.values.get(written) if in_place(node) else None
        self.values[node] = Value(tensor, whole(self.shapes[tensor]) if view is None else view)
        if before is not None:
            same = {n: v for n, v in self.values.items() if v.tensor == before.tensor and storage(n) == storage(node)}
            self.values.update({n: Value(tensor, v.view) for n, v in same.items()})
            check_written(self.values, node)

    def activate(self, node: fx.Node, kind: Activation, attrs: Mapping[str, Any] | None = None) -> None:
        """Behind an op that fuses, and whose result nobody else reads, it is part of that op's step.

        Else it is a step of its own: of the activation's name, or a clamp with these `attrs`.
        """
        before = self.value(node, node.args[0])
        last = self.last(before.tensor)
        read = any(before.tensor in step.inputs for step in self.steps)
        unread = self.alone(before.tensor) or (in_place(node) and not read and self._shared(node, before.tensor))
        if not kind or last is None or last.activation or not OPS[last.kind].fuses or not unread:
            tensor = self._apart(node, before, kind, attrs)
        else:
            tensor = self.fused(node, last, kind)
        self.becomes(node, tensor, before.view)

    def _shared(self, node: fx.Node, tensor: str) -> bool:
        """Whether all names of the tensor are names of the memory that the node writes: none is a copy."""
        return all(storage(n) == storage(node) for n, v in self.values.items() if v.tensor == tensor)

    def _apart(self, node: fx.Node, before: Value, kind: Activation, attrs: Mapping[str, Any] | None) -> str:
        origin = self._origin(before.tensor)
        if kind and origin is not None:
            step, _ = origin
            self.steps[self.steps.index(step)] = replace(step, activation=kind)
            self.stale |= {step.name} - {before.tensor}
            return before.tensor
        return self.step(node, "clamp" if attrs else str(kind), [before.tensor], self.shapes[before.tensor], attrs)

    def fused(self, node: fx.Node, last: Step, kind: Activation) -> str:
        """The activation becomes part of the step, whose tensor takes the node's name."""
        fused = replace(last, name=node.name, activation=kind)
        self.steps[self.steps.index(last)] = fused
        self.shapes[node.name] = last.shape
        return node.name

    # What a channel is multiplied by and added to

    def affine(
        self, node: fx.Node, value: Value, gain: torch.Tensor, shift: torch.Tensor, suffix: str = "", free: bool = True
    ) -> Value:
        """`gain * x + shift` per channel, (C,) each: folded into the layer before it where nobody else reads that.

        Else it is a 1x1 depthwise convolution. `free`: the caller reads `value` only here.
        """
        origin = self._origin(value.tensor) if free else None
        if origin is not None:
            step, order = origin
            fold(self.layers.modules[step.layer], order(gain), order(shift))
            self.stale |= {step.name} - {value.tensor}
            return value
        return Value(self._depthwise(node, value.tensor, gain, shift, suffix), value.view)

    def _origin(self, tensor: str) -> tuple[Step, Order] | None:
        """The layer whose values these are, only moved, read by nobody else and without activation."""
        order: Order = unchanged
        step = self._only(tensor, readers=0)
        while step is not None and step.kind in ORDERS and step.shape[0] == self._moved_channels(step):
            order = ORDERS[step.kind](step, order)
            step = self._only(step.inputs[0], readers=1)
        return None if step is None or not step.weighted or step.activation else (step, order)

    def _moved_channels(self, step: Step) -> int:
        """How many channels the step's result has if it loses none."""
        block = step.attrs.get("block", 1)
        return int(self.shapes[step.inputs[0]][0] // (block * block))

    def _only(self, tensor: str, readers: int) -> Step | None:
        """The step that makes a tensor, where nobody but `readers` steps and the node being visited reads it."""
        read = sum(tensor in step.inputs for step in self.steps)
        return self.last(tensor) if self.alone(tensor) and read == readers else None

    def _depthwise(self, node: fx.Node, tensor: str, gain: torch.Tensor, shift: torch.Tensor, suffix: str) -> str:
        size = self.shapes[tensor]
        image = size if len(size) == 3 else (*size, 1, 1)
        conv = nn.Conv2d(len(gain), len(gain), 1, groups=len(gain), device="meta")
        layer = self.layers.add(f"{path(node) or node.name}{suffix}", with_weights(conv, gain.view(-1, 1, 1, 1), shift))
        attrs = {"affine": True} | ({"depthwise": True} if len(gain) > 1 else {})
        if image == size:
            return self.step(node, "conv2d", [tensor], size, attrs, layer, suffix)
        seen = self.step(node, "reshape", [tensor], image, {"shape": image}, suffix=f"{suffix}.image")
        made = self.step(node, "conv2d", [seen], image, attrs, layer, f"{suffix}.affine")
        return self.step(node, "reshape", [made], size, {"shape": size}, suffix=suffix)


def _check_result(node: fx.Node) -> None:
    """Raises Unreadable for a result that is not one float32 tensor (or list of them) an image."""
    made: Any = node.meta["val"]
    for part in made if isinstance(made, list | tuple) else [made]:
        if isinstance(part, torch.Tensor) and not isinstance(part.shape[0] if part.dim() else 1, torch.SymInt):
            refuse(node, f"{node.target} across images", "one that leaves the batch dimension alone is")
    first = made[0] if isinstance(made, list | tuple) else made
    if first.dtype != torch.float32:
        refuse(node, f"A conversion to {first.dtype}", "networks compute in float32")


Parser = Callable[[Builder, fx.Node], None]
