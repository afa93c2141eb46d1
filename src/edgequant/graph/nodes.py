"""What a node of the exported graph says of itself, and how one that no row computes is refused."""

from __future__ import annotations

from typing import Any, NoReturn

import torch
from torch import fx

from ..core.errors import BadModel


def refuse(node: fx.Node, what: str, instead: str) -> NoReturn:
    """Raises BadModel: what was found, in which layer, and what to write."""
    raise BadModel(f"{what} (layer {path(node) or 'top level'!r}) is not in the op table; {instead}.")


def arguments(node: fx.Node, defaults: tuple[Any, ...]) -> tuple[Any, ...]:
    """The positional arguments, filled up."""
    return (*node.args, *defaults[len(node.args) :])


def bound(node: fx.Node) -> dict[str, Any]:
    """Every argument by the name it has in the operation's schema, defaults included."""
    given: dict[str, Any] = {}
    for position, one in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]
        default = one.default_value if one.has_default_value() else None
        given[one.name] = node.args[position] if position < len(node.args) else node.kwargs.get(one.name, default)
    return given


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


def name_of(node: fx.Node) -> str:
    """The ATen name without its namespace and overload: `conv2d`, `relu_`, `getitem`."""
    target = node.target
    text = str(target)
    return text.split(".")[1] if "." in text else getattr(target, "__name__", text)


def in_place(node: fx.Node) -> bool:
    return name_of(node).endswith("_")
