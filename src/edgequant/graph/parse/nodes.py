"""What a node of the exported graph says of itself, and how one that no row computes is refused."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import fx

from ...core.errors import BadModel

PACKAGES = (Path(torch.__file__).parent, Path(__file__).resolve().parents[2])
LIBRARIES = tuple(f"{folder}{os.sep}" for folder in PACKAGES)  # whose lines are not the user's
FRAME = re.compile(r'File "([^"]+)", line (\d+), in')


class Unreadable(BadModel):
    """One operation that no row of the op table says. `place` is where it was written; `unknown`: no parser reads any
    of its kind.
    """

    def __init__(self, what: str, place: str, instead: str, unknown: bool = False) -> None:
        super().__init__(f"{what} ({place}) is not in the op table; {instead}.")
        self.what, self.place, self.instead, self.unknown = what, place, instead, unknown


def refuse(node: fx.Node, what: str, instead: str) -> NoReturn:
    """Raises Unreadable: what was found, where, and what to write."""
    raise Unreadable(what, place(node), instead)


def place(node: fx.Node) -> str:
    """Where a node was written: the layer, and the line of the user's file if the trace holds one."""
    parts = [f"layer {path(node)!r}"] if path(node) else []
    line = line_of(node)
    return ", ".join([*parts, line] if line else parts or ["top level"])


def line_of(node: fx.Node) -> str:
    """`net.py, line 12` of the innermost frame that is not torch's nor ours; empty for none."""
    frames = FRAME.findall(str(node.meta.get("stack_trace") or ""))
    own = [(file, number) for file, number in frames if not library(file)]
    return f"{Path(own[-1][0]).name}, line {own[-1][1]}" if own else ""


def library(file: str) -> bool:
    """Whether a file is torch's or edgequant's, or none at all."""
    return file.startswith(LIBRARIES) or file.startswith("<")


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


def odd(node: fx.Node) -> bool:
    """Whether a result is neither an image nor a vector for each image of the batch."""
    made = node.meta["val"]
    parts = made if isinstance(made, list | tuple) else [made]
    return any(p.dim() not in (2, 4) or not isinstance(p.shape[0], torch.SymInt) for p in parts)
