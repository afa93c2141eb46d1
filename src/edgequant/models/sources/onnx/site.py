"""A node of an ONNX graph as the functions see it that turn it into PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, final

import numpy as np
import torch
from torch import nn

from ....core.arrays import Array
from ....core.errors import BadModel
from .sizes import Sizes
from .table import TABLE

Value = Any  # a tensor that comes from the image; an array that the file stores; Sizes; None where it is left out
Compute = Callable[..., Value]
TRIED = 3  # images at once in the first run of a file that takes any number


@final
@dataclass
class Shapes:
    """Of every tensor, as the file itself has them: with the number of images that its input states (None: any)."""

    batch: int | None
    known: dict[str, tuple[int, ...]] = field(default_factory=dict)  # empty in the first run, which finds them

    def leads_with_images(self, x: torch.Tensor) -> bool:
        """In the first run: whether the first dimension may be that of the images."""
        return not self.known and x.dim() > 0 and x.shape[0] == (self.batch or TRIED)


class OnnxNode:
    """A node, its attributes as the table reads them, and the module that its layer is put in."""

    def __init__(
        self,
        root: nn.Module,
        known: Mapping[str, Array],
        shapes: Shapes,
        file: str,
        node: Any,
        index: int,
        opset: int,
    ) -> None:
        """Raises BadModel for an attribute that is unknown, or refused by the table."""
        import onnx

        self.root, self.known, self.shapes = root, known, shapes
        self.file, self.node, self.opset = file, node, opset
        self.title = node.name or f"{node.op_type.lower()}_{index}"
        version = TABLE[node.op_type].version(opset)
        if version is None:
            self.refuse(f"is no operator of opset {opset}", f"one that the standard has at opset {opset}")
        self.version: int = version
        self.entries = TABLE[node.op_type].entries(self.version)
        self.attributes = {a.name: _plain(onnx.helper.get_attribute_value(a)) for a in node.attribute}
        self._check()

    def _check(self) -> None:
        for name, value in self.attributes.items():
            entry = self.entries.get(name)
            if entry is None:
                known = f"one of {', '.join(sorted(self.entries))}" if self.entries else "none"
                self.refuse(f"has the attribute {name}, unknown at opset {self.opset}", known)
            if entry.fate == "refused" and value != entry.default:
                only = "a node without it" if entry.default is None else f"{name} = {entry.default}"
                self.refuse(f"has {name} = {str(value)[:60]}, which edgequant does not read", only)

    def get(self, name: str) -> Any:
        """The node's value of an attribute that is read, or the default of its version; None where it has neither."""
        entry = self.entries.get(name)
        if entry is None:
            return None  # of another version
        assert entry.fate == "read", f"{self.node.op_type}.{name} is {entry.fate} by the table"
        return self.attributes.get(name, entry.default)

    def constant(self, position: int) -> Array | None:
        """The values of an input that is stored in the file; None for one that is left out. Raises BadModel."""
        if position >= len(self.node.input) or not self.node.input[position]:
            return None
        name = self.node.input[position]
        if name not in self.known:
            self.refuse(f"computes its input {position}", "one that is stored in the file")
        return self.known[name]

    def weight(self, position: int) -> torch.Tensor | None:
        """float32. Raises BadModel where the file stores anything but floats, or computes them."""
        value = self.constant(position)
        return None if value is None else self.floats(value)

    def floats(self, value: Value) -> torch.Tensor:
        """A tensor of the image as it is; what the file stores as float32. Raises BadModel for all else."""
        return value if isinstance(value, torch.Tensor) else torch.from_numpy(self.numbers(value).copy())

    def numbers(self, value: Value) -> Array:
        """float32, of what the file stores. Raises BadModel."""
        array = value.concrete() if isinstance(value, Sizes) else value
        if not isinstance(array, np.ndarray) or array.dtype != np.float32:
            kind = str(array.dtype) if isinstance(array, np.ndarray) else "what the image or its number decides"
            self.refuse(f"computes with {kind}", "floats that are stored")
        return array

    def number(self, value: Value) -> float:
        """Of a stored scalar. Raises BadModel."""
        array = self.numbers(value)
        if array.size != 1:
            self.refuse(f"takes {array.size} numbers as one", "one")
        return float(array.reshape(-1)[0])

    def ints(self, value: Value) -> list[int]:
        """Of stored integers, or of sizes that do not follow the number of images. Raises BadModel."""
        array = value.concrete() if isinstance(value, Sizes) else value
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "iu":
            self.refuse("takes axes or sizes that follow the image or its number", "stored integers")
        return [int(v) for v in array.reshape(-1)]

    def refuse(self, what: str, instead: str) -> NoReturn:
        raise BadModel(
            f"{self.file}: the node {self.title!r} ({self.node.op_type}) {what}. Expected {instead}; export it so."
        )

    def add(self, module: nn.Module, position: int = 1) -> nn.Module:
        """Register a layer under the name of its weights without their last part, or of its node."""
        stored = self.node.input[position]
        holder, dot, last = stored.rpartition(".")
        named = dot and last in ("weight", "w", "kernel", "weight_quantized", "gamma")
        path = [p for p in (holder if named else self.title).replace("/", ".").split(".") if p]
        place(self.root, path or [self.title], module)
        return module


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


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
