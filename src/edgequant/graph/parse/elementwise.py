"""Arithmetic of values one by one: sums and products of tensors and constants, and activations."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import fx

from ..program import Activation
from .builder import Builder, Parser
from .nodes import bound, name_of, refuse, shape
from .views import Shape, Value, View, whole


def unary(kind: str, **attrs: Any) -> Parser:
    """A row that takes one tensor and changes neither shape nor order."""

    def parse(b: Builder, node: fx.Node) -> None:
        found = b.value(node, node.args[0])
        b.becomes(node, b.step(node, kind, [found.tensor], found.view.base, attrs), found.view)

    return parse


def gelu(b: Builder, node: fx.Node) -> None:
    unary("gelu", approximate=bound(node)["approximate"])(b, node)


def leaky_relu(b: Builder, node: fx.Node) -> None:
    unary("leaky_relu", slope=float(bound(node)["negative_slope"]))(b, node)


def elu(b: Builder, node: fx.Node) -> None:
    given = bound(node)
    if (given["alpha"], given["scale"], given["input_scale"]) != (1, 1, 1):
        refuse(node, f"An ELU of alpha {given['alpha']}, scale {given['scale']}", "the plain one (alpha 1) is")
    unary("elu")(b, node)


def silu(b: Builder, node: fx.Node) -> None:
    """`x * sigmoid(x)`: no runtime has an int8 kernel for the whole."""
    found = b.value(node, node.args[0])
    gate = b.step(node, "sigmoid", [found.tensor], found.view.base, suffix=".gate")
    b.becomes(node, b.step(node, "mul", [found.tensor, gate], found.view.base), found.view)


def hard_sigmoid(b: Builder, node: fx.Node) -> None:
    """`clamp(x / 6 + 1/2, 0, 1)`: the line folds into the layer before it, the clamp into its result."""
    found = b.value(node, node.args[0])
    count = found.view.base[0]
    gain, shift = b.layers.full(count, 1 / 6), b.layers.full(count, 0.5)
    line = b.affine(node, found, gain, shift, ".line")
    last = b.last(line.tensor)
    assert last is not None
    if last.activation or not last.weighted:
        made = b.step(node, "clamp", [line.tensor], found.view.base, {"low": 0.0, "high": 1.0})
    else:
        made = b.fused(node, last, "relu1")
    b.becomes(node, made, found.view)


def prelu(b: Builder, node: fx.Node) -> None:
    """One slope: a leaky ReLU. A slope a channel: `relu(x) - slope * relu(-x)`."""
    slope = b.layers.stored(node.args[1]).flatten()
    if bool((slope == slope[0]).all()):
        unary("leaky_relu", slope=float(slope[0]))(b, node)
        return
    if b.value(node, node.args[0]).view.axis(0) != 0:  # a slope is for a channel as the node sees them
        b.plain(node, node.args[0])
    found = b.value(node, node.args[0])
    size, none = found.view.base, torch.zeros_like(slope)
    up = b.step(node, "relu", [found.tensor], size, suffix=".up")
    turned = b.affine(node, found, -torch.ones_like(slope), none, ".turned", free=False)
    down = b.step(node, "relu", [turned.tensor], size, suffix=".down")
    scaled = b.affine(node, Value(down, found.view), -slope, none, ".scaled", free=False)
    b.becomes(node, b.step(node, "add", [up, scaled.tensor], size), found.view)


def clamp(b: Builder, node: fx.Node) -> None:
    """A ReLU, ReLU6 or clamp to [0, 1] fuses; any other is a step of its own."""
    low, high = _bounds(node)
    if low is None or high is None:
        if (low, high) != (0, None):
            refuse(node, f"{node.target} to [{low}, {high}]", "a clamp with two bounds, or from 0 up, is")
        b.activate(node, "relu")
        return
    known: dict[tuple[float, float], Activation] = {(0, 6): "relu6", (0, 1): "relu1"}
    kind = known.get((low, high), "")
    plain = {} if kind == "relu6" else {"low": float(low), "high": float(high)}
    b.activate(node, kind, plain)


def _bounds(node: fx.Node) -> tuple[float | None, float | None]:
    name, given = name_of(node).removesuffix("_"), bound(node)
    if name == "relu6":
        return 0, 6
    if name == "relu":
        return 0, None
    if name == "hardtanh":
        return given["min_val"], given["max_val"]
    return given["min"], given.get("max")


def binary(kind: str) -> Parser:
    """Two tensors, or a tensor and a constant that is the same for all pixels of a channel."""

    def parse(b: Builder, node: fx.Node) -> None:
        x, y = node.args[:2]
        alpha = node.kwargs.get("alpha", 1)
        if b.knows(x) and b.knows(y):
            if alpha != 1 or kind == "div":
                refuse(node, f"{node.target} of two tensors{'' if kind == 'div' else f', one of them by {alpha}'}",
                       "their sum, difference and product are")  # fmt: skip
            _two(b, node, kind)
        else:
            _constant(b, node, kind, float(alpha), not b.knows(x))  # type: ignore[arg-type]

    return parse


div = binary("div")


def rsub(b: Builder, node: fx.Node) -> None:
    """`y - x`, the tensor first."""
    _constant(b, node, "sub", float(bound(node)["alpha"]), turned=True, number=node.args[1])


def neg(b: Builder, node: fx.Node) -> None:
    found = b.value(node, node.args[0])
    gain = b.layers.full(found.view.base[0], -1)
    made = b.affine(node, found, gain, torch.zeros_like(gain))
    b.becomes(node, made.tensor, made.view)


def power(b: Builder, node: fx.Node) -> None:
    """A square is a product of a tensor with itself."""
    if node.args[1:] not in ((), (2,), (2.0,)):
        refuse(node, f"{node.target} of {node.args[1:]}", "a square is")
    found = b.value(node, node.args[0])
    b.becomes(node, b.step(node, "mul", [found.tensor] * 2, found.view.base), found.view)


def _two(b: Builder, node: fx.Node, kind: str) -> None:
    first, second = (b.value(node, argument) for argument in node.args[:2])
    if not _alike(first.view, second.view):
        first, second = (Value(b.plain(node, a), whole(shape(a))) for a in node.args[:2])
    if len(first.view.base) != len(second.view.base):
        refuse(node, f"{node.target} of the shapes {first.view.shape} and {second.view.shape}", "equal ranks are")
    base = _broadcast(first.view.base, second.view.base)
    tensor = b.step(node, kind, [first.tensor, second.tensor], base)
    b.becomes(node, tensor, _larger(first.view, second.view).over(base))


def _alike(first: View, second: View) -> bool:
    """Whether position by position the two views show the same parts of their axes; a size of 1 fits anywhere."""
    if len(first.dims) != len(second.dims) or len(first.base) != len(second.base):
        return False
    if first.identity and second.identity:
        return True
    larger = _larger(first, second)
    other = second if larger is first else first
    return larger.base == _broadcast(first.base, second.base) and all(
        not atoms or atoms == larger.dims[d] for d, atoms in enumerate(other.dims)
    )


def _broadcast(first: Shape, second: Shape) -> Shape:
    return tuple(max(a, b) for a, b in zip(first, second))


def _larger(first: View, second: View) -> View:
    return first if math.prod(first.base) >= math.prod(second.base) else second


def _constant(b: Builder, node: fx.Node, kind: str, alpha: float, turned: bool, number: Any = None) -> None:
    """`x + c`, `x - c`, `c - x`, `x * c`, `x / c` as a gain and a shift; `turned`: the constant is first."""
    x, y = (*node.args, None)[:2] if number is None else (number, node.args[0])
    if kind == "div" and turned:
        refuse(node, f"{node.target} of a constant by a tensor", "a tensor by a constant is")
    found = b.value(node, y if turned else x)
    c = _per_channel(node, found.view, b.layers.stored(x if turned else y).to(b.layers.dtype))
    gain, shift = _line(kind, c, alpha, turned)
    made = b.affine(node, found, gain, shift)
    b.becomes(node, made.tensor, made.view)


def _line(kind: str, c: torch.Tensor, alpha: float, turned: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(gain, shift). `alpha` multiplies the second operand of a sum or difference."""
    one, none = torch.ones_like(c), torch.zeros_like(c)
    if kind in ("mul", "div"):
        return (c if kind == "mul" else 1 / c), none
    sign = alpha if kind == "add" else -alpha
    return (one * sign, c) if turned else (one, c * sign)


def _per_channel(node: fx.Node, view: View, number: torch.Tensor) -> torch.Tensor:
    """(C,) of a constant in the view's order. Raises BadModel where it differs from pixel to pixel."""
    dims = number.shape[max(number.dim() - len(view.dims), 0) :]
    first = len(view.dims) - len(dims)
    if number.dim() > len(view.dims) + 1 or math.prod(number.shape) != math.prod(dims):
        refuse(node, f"{node.target} with a constant of shape {tuple(number.shape)}", "one value a channel is")
    for i, size in enumerate(dims):
        if size > 1 and view.axis(first + i) != 0:
            refuse(node, f"{node.target} with a constant of shape {tuple(number.shape)}", "one value a channel is")
    return number.flatten().expand(view.base[0]).clone()


def softmax(b: Builder, node: fx.Node) -> None:
    found, dim = b.value(node, node.args[0]), bound(node)["dim"] % (len(shape(node)) + 1)
    if dim == 0 or found.view.axis(dim - 1) != 0:
        refuse(node, f"Softmax along dimension {bound(node)['dim']}", "along channels it is")
    b.becomes(node, b.step(node, "softmax", [found.tensor], found.view.base), found.view)
