"""A node of an ONNX graph as the functions see it that turn it into PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

from ..core.errors import BadModel
from ..core.interfaces import Array

Value = Any  # a tensor that comes from the image; else a numpy array, or a list of sizes
Run = Callable[..., Value]


class Site:
    """A node, its attributes, and the module that its layer is put in."""

    def __init__(
        self, root: nn.Module, known: Mapping[str, Array], file: str, node: Any, index: int, opset: int
    ) -> None:
        import onnx

        self.root, self.known, self.file, self.node, self.opset = root, known, file, node, opset
        self.title = node.name or f"{node.op_type.lower()}_{index}"
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def get(self, name: str, default: Any) -> Any:
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def constant(self, position: int) -> Array | None:
        """The values of an input that is stored in the file; None for one that is left out. Raises BadModel."""
        if position >= len(self.node.input) or not self.node.input[position]:
            return None
        name = self.node.input[position]
        if name not in self.known:
            self.refuse(f"computes its input {position}", "one that is stored in the file")
        return self.known[name]

    def weight(self, position: int) -> torch.Tensor | None:
        value = self.constant(position)
        return None if value is None else torch.from_numpy(np.array(value, np.float32))

    def refuse(self, what: str, instead: str) -> NoReturn:
        raise BadModel(f"{self.file}: the node {self.title!r} ({self.node.op_type}) {what}; {instead} was expected.")

    def add(self, module: nn.Module, position: int = 1) -> nn.Module:
        """Register a layer under the name of its weights without their last part, or of its node."""
        stored = self.node.input[position]
        holder, dot, last = stored.rpartition(".")
        named = dot and last in ("weight", "w", "kernel", "weight_quantized", "gamma")
        path = [p for p in (holder if named else self.title).replace("/", ".").split(".") if p]
        place(self.root, path or [self.title], module)
        return module


def place(root: nn.Module, path: list[str], module: nn.Module) -> None:
    """Register under a dotted path; a name that is taken gets an underscore."""
    for part in path[:-1]:
        held = getattr(root, part, None)
        if not isinstance(held, nn.Module):
            part = _free(root, part)
            root.add_module(part, nn.Module())
        root = getattr(root, part)
    root.add_module(_free(root, path[-1]), module)


def _free(root: nn.Module, name: str) -> str:
    while hasattr(root, name):
        name += "_"
    return name
