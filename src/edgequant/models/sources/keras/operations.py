"""keras.ops in a Functional model (`x + 3.0`, `keras.ops.relu6(x)`) as PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from ....graph.ops.table import OPS
from .modules import GlobalMean, Merge, Number
from .site import Parts, Site

BINARY = {
    "Add": "add",
    "Divide": "div",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Multiply": "mul",
    "Subtract": "sub",
    "TrueDivide": "div",
}
UNARY: dict[str, Callable[[], nn.Module]] = {
    "HardSigmoid": nn.Hardsigmoid,
    "Silu": nn.SiLU,
    **{row.keras.operation: row.keras.module for row in OPS.values() if row.keras and row.keras.operation},
}
UNARY = dict(sorted(UNARY.items()))


def operation(node: Any, site: Site) -> Parts:
    """The module of an operation that is no layer. Raises BadModel."""
    kind = site.kind
    if kind in BINARY:
        return [("", _binary(node, site, BINARY[kind]))]
    if kind == "Gelu":
        return [("", nn.GELU("tanh" if site.get("approximate") else "none"))]
    if kind in UNARY:
        return [("", UNARY[kind]())]
    if kind != "Mean":
        site.refuse("is not among the operations that edgequant knows", ", ".join((*BINARY, "Gelu", *UNARY, "Mean")))
    return [("", _mean(site))]


def _binary(node: Any, site: Site, kind: str) -> nn.Module:
    given = [*node.arguments.args, *node.arguments.kwargs.values()][:2]
    numbers = [g for g in given if isinstance(g, int | float)]
    if len(site.inputs) == 2:
        site.check_ranks()
        return Merge(kind)
    if len(numbers) != 1 or (isinstance(given[0], int | float) and kind not in ("add", "mul")):
        site.refuse("combines a tensor with a constant that is no number behind it", "a tensor and a number")
    return Number(kind, float(numbers[0]))


def _mean(site: Site) -> nn.Module:
    axis = site.get("axis")
    axes = axis if isinstance(axis, list | tuple) else [axis]
    wanted = {1, 2} if site.channels_last else {2, 3}
    if not site.image or {a % 4 if a is not None else None for a in axes} != wanted:
        site.refuse(f"is a mean over {axes}", "one over height and width")
    return GlobalMean(site.get("keepdims"))
