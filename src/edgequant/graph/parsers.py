"""ATen nodes as rows of the op table: one function for each way a network may write an operation.

What a row cannot say is refused here, with the layer's name: a wrong guess would be a wrong file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import fx, nn

from ..core.errors import BadModel
from .program import Activation

RESHAPES = {"flatten", "view", "reshape", "squeeze", "unsqueeze", "_unsafe_view"}
RELUS = {"relu", "relu_", "relu6", "relu6_", "hardtanh", "hardtanh_", "clamp", "clamp_", "clamp_min", "clamp_min_"}


class Layers:
    """The weights that the exported module reads, gathered as modules under the user's own paths."""

    def __init__(self, exported: fx.GraphModule) -> None:
        self.exported = exported
        self.modules: dict[str, nn.Module] = {}

    def add(self, path: str, module: nn.Module) -> str:
        """Register weights under their module path; a module that is called twice gets a second copy."""
        name, count = path, 1
        while name in self.modules:
            count += 1
            name = f"{path}#{count}"
        self.modules[name] = module
        return name

    def tensor(self, argument: Any) -> torch.Tensor | None:
        """The parameter or buffer that a get_attr node reads, detached; None for no argument."""
        if argument is None:
            return None
        value: Any = self.exported
        if not (isinstance(argument, fx.Node) and argument.op == "get_attr"):
            raise BadModel(
                f"A layer's weights are computed by the model ({argument}), not stored. Store them as parameters."
            )
        for part in str(argument.target).split("."):
            value = getattr(value, part)
        return value.detach()  # type: ignore[no-any-return]

    def stored(self, argument: Any) -> torch.Tensor:
        """The same, of an argument that must be there."""
        value = self.tensor(argument)
        assert value is not None
        return value


Parsed = tuple[str, dict[str, Any]]  # a row's name and a step's attributes, "operands" and "layer" among them
Parser = Callable[[Layers, fx.Node], Parsed]


def refuse(node: fx.Node, what: str, instead: str) -> NoReturn:
    raise BadModel(f"{what} (layer {path(node) or 'top level'!r}) is not in the op table; {instead}.")


def _conv2d(layers: Layers, node: fx.Node) -> Parsed:
    defaults = (None, None, None, [1, 1], [0, 0], [1, 1], 1)
    _, weight, bias, stride, padding, dilation, groups = arguments(node, defaults)
    kernel, offset = layers.stored(weight), layers.tensor(bias)
    size, strides, dilations = ((int(a), int(b)) for a, b in (kernel.shape[2:], pair(stride), pair(dilation)))
    where = padding if isinstance(padding, str) else (pair(padding)[0], pair(padding)[1])
    channels, biased = kernel.shape[1] * groups, offset is not None
    conv = nn.Conv2d(channels, len(kernel), size, strides, where, dilations, groups, biased, device="meta")
    found = {"layer": layers.add(path(node) or node.name, with_weights(conv, kernel, offset))}
    return "conv2d", found | ({"depthwise": True} if groups == channels > 1 else {})


def _linear(layers: Layers, node: fx.Node) -> Parsed:
    if len(shape(node)) != 1:
        refuse(node, f"A linear layer on {len(shape(node))} dimensions", "one on vectors (N, C) is")
    _, weight, bias = arguments(node, (None, None, None))
    matrix, offset = layers.stored(weight), layers.tensor(bias)
    linear = nn.Linear(matrix.shape[1], matrix.shape[0], offset is not None, device="meta")
    return "linear", {"layer": layers.add(path(node) or node.name, with_weights(linear, matrix, offset))}


def with_weights(layer: nn.Module, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    """`layer`, made without weights (on the meta device: no random numbers drawn), with copies of these."""
    layer.weight = nn.Parameter(weight.clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone())
    return layer


def _two_tensors(kind: str) -> Parser:
    def parse(_: Layers, node: fx.Node) -> Parsed:
        x, y = node.args[:2]
        if not (isinstance(x, fx.Node) and isinstance(y, fx.Node)) or node.kwargs.get("alpha", 1) != 1:
            refuse(node, f"{node.target} with a constant", "two tensors are")
        return kind, {"operands": [x, y]}

    return parse


def _mean(_: Layers, node: fx.Node) -> Parsed:
    given: Any = node.args[1] if len(node.args) > 1 else None
    dims = sorted(d % 4 for d in given or [])
    if dims != [2, 3] or len(shape(node.args[0])) != 3:
        refuse(node, f"A mean over dimensions {given}", "one over height and width is")
    return "mean", {"keepdim": len(shape(node)) == 3}


def _adaptive(_: Layers, node: fx.Node) -> Parsed:
    size = pair(node.args[1])
    h, w = shape(node.args[0])[-2:]
    if size == [1, 1]:
        return "mean", {"keepdim": True}
    if h % size[0] or w % size[1]:
        refuse(node, f"Adaptive pooling from {h}x{w} to {size[0]}x{size[1]}, with unequal windows,", "equal ones are")
    kernel = [h // size[0], w // size[1]]
    return "avg_pool2d", {"kernel": kernel, "stride": kernel, "padding": [0, 0]}


def _max_pool2d(_: Layers, node: fx.Node) -> Parsed:
    _, size, stride, padding, dilation, ceil = arguments(node, (None, None, [], [0, 0], [1, 1], False))
    if pair(dilation) != [1, 1] or ceil:
        refuse(node, "max_pool2d with dilation or ceil_mode", "the plain one is")
    return "max_pool2d", _window(size, stride, padding)


def _avg_pool2d(_: Layers, node: fx.Node) -> Parsed:
    _, size, stride, padding, ceil, counted, divisor = arguments(node, (None, None, [], [0, 0], False, True, None))
    window = _window(size, stride, padding)
    if ceil or divisor is not None or (counted and window["padding"] != [0, 0]):
        refuse(node, "avg_pool2d with ceil_mode, a divisor or counted padding", "count_include_pad=False is")
    if window["kernel"] == list(shape(node.args[0])[-2:]) and window["padding"] == [0, 0]:
        return "mean", {"keepdim": True}
    return "avg_pool2d", window


def _window(size: Any, stride: Any, padding: Any) -> dict[str, Any]:
    return {"kernel": pair(size), "stride": pair(stride or size), "padding": pair(padding)}


def _reshape(_: Layers, node: fx.Node) -> Parsed:
    if math.prod(shape(node)) != math.prod(shape(node.args[0])):
        refuse(node, f"{node.target} across images", "one that leaves the batch dimension alone is")
    return "reshape", {"shape": shape(node)}


def _pad(_: Layers, node: fx.Node) -> Parsed:
    if "constant_pad_nd" in str(node.target):
        _, given, value = arguments(node, (None, None, 0))
        mode = "constant"
    else:
        _, given, mode, value = arguments(node, (None, None, "constant", None))
    padding = [int(p) for p in given]
    around = len(shape(node)) == 3 and len(padding) <= 4 and min(padding) >= 0
    if mode != "constant" or value not in (0, None) or not around:
        refuse(node, f"Padding {padding}, mode {mode}, value {value}", "zeros around the image are")
    return "pad", {"padding": tuple(padding + [0] * (4 - len(padding)))}


def _cat(_: Layers, node: fx.Node) -> Parsed:
    operands, dim = arguments(node, (None, 0))
    if dim not in (1, -len(shape(node))):
        refuse(node, f"Concatenation along dimension {dim}", "along channels it is")
    return "cat", {"operands": list(operands)}


def _softmax(_: Layers, node: fx.Node) -> Parsed:
    if node.args[1] not in (1, -len(shape(node))):
        refuse(node, f"Softmax along dimension {node.args[1]}", "along channels it is")
    return "softmax", {}


def activation(node: fx.Node, name: str) -> Activation:
    """What a node of RELUS computes; "" for a clamp that is neither."""
    bounds = tuple(node.args[1:])
    if name.startswith("relu6") or bounds[:2] == (0, 6):
        return "relu6"
    return "relu" if name in ("relu", "relu_") or bounds in ((0,), (0, None)) else ""


PARSERS: dict[str, Parser] = {
    "adaptive_avg_pool2d": _adaptive,
    "add": _two_tensors("add"),
    "add_": _two_tensors("add"),
    "avg_pool2d": _avg_pool2d,
    "cat": _cat,
    "constant_pad_nd": _pad,
    "conv2d": _conv2d,
    "linear": _linear,
    "max_pool2d": _max_pool2d,
    "mean": _mean,
    "mul": _two_tensors("mul"),
    "mul_": _two_tensors("mul"),
    "pad": _pad,
    "sigmoid": lambda _layers, _node: ("sigmoid", {}),
    "softmax": _softmax,
    **dict.fromkeys(RESHAPES, _reshape),
}


def arguments(node: fx.Node, defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """The positional arguments, filled up."""
    return (*node.args, *defaults[len(node.args) :])


def value(node: Any) -> torch.Tensor:
    """The tensor that stood for the node's result while torch.export traced: its shape and type."""
    return node.meta["val"]  # type: ignore[no-any-return]


def shape(node: Any) -> tuple[int, ...]:
    """Without the batch."""
    return tuple(int(d) for d in value(node).shape[1:])


def pair(given: Any) -> list[int]:
    both = [int(v) for v in given] if isinstance(given, list | tuple) else [int(given)]
    return both * 2 if len(both) == 1 else both


def path(node: fx.Node) -> str:
    """The module path in which the operation was written, as the user named it."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]).removeprefix("L['self'].") if stack else ""
