"""What a row of the op table says of an operation.

A row names the code of formats and kernels and imports none of it: "file:function", or "file" alone where the function
has the row's name. A cell is such a name, PLAIN, COMPUTED or `Lacks("why")`; `test_every_cell` in tests/graph/ops names
the file that a cell misses.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

Attrs = Mapping[str, Any]
Rule = Literal[
    "weights",  # an integer product with an int32 accumulator; its output has parameters of its own
    "own",  # its output has parameters of its own
    "same",  # its output has its input's parameters
    "unified",  # all its inputs and its output have the same parameters
    "fixed",  # its output's parameters are given by what it computes
]
PLAIN = ""  # made from the row's own data
COMPUTED = "computed"  # without an integer kernel: the row's float operation, rounded once
ROOMS = {  # where the names of a row lie
    "aten": "edgequant.graph.parse",
    "kernels": "edgequant.quantization.simulation.kernels",
    "tflite read": "edgequant.backends.tflite.read",
    "tflite write": "edgequant.backends.tflite.write",
    "onnx write": "edgequant.backends.onnx",
}


@dataclass(frozen=True)
class Lacks:
    """A cell that stays empty, and why."""

    why: str


Name = str | Lacks


@dataclass(frozen=True)
class Operator:
    """One of TensorFlow Lite's. `versions`: (float, int8, int16 activations), of register.cc and op_version.cc."""

    name: str
    versions: tuple[int, int, int]
    read: Name = PLAIN
    edgetpu: bool = True  # whether Coral's list of operators has it


@dataclass(frozen=True)
class Tflite:
    """The operators that write a row. A plain one has the row's inputs, `options`, `attributes` (ours -> theirs)."""

    operators: tuple[Operator, ...]
    write: str = PLAIN
    options: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    int16: Lacks | None = None  # why the kernel lacks 16-bit activations, or has them wrong


@dataclass(frozen=True)
class Onnx:
    """The nodes that write a row. A plain one has the row's inputs, `fixed` and `attributes` (ours -> theirs)."""

    nodes: tuple[str, ...]
    write: str = PLAIN
    read: Lacks | None = None  # why the ONNX source does not know the nodes
    fixed: Attrs = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    integers: str = ""  # what writes it on a tensor's integers, where ONNX Runtime leaves it in float between Q and DQ
    fused: bool = False  # ONNX Runtime has an integer kernel for it between DequantizeLinear and QuantizeLinear


@dataclass(frozen=True)
class Keras:
    """A plain activation: Keras' function, its operation ("" where there is none), and the module for either."""

    function: str
    operation: str
    module: Callable[[], nn.Module]


@dataclass(frozen=True)
class Kernels:
    """Integer arithmetic by family. `executorch` is the family that its delegate runs."""

    builtin: str
    xnnpack: str
    onnxruntime: str = COMPUTED
    wide: str = COMPUTED
    executorch: Literal["xnnpack", "wide"] = "xnnpack"


@dataclass(frozen=True)
class Op:
    """A row. `run(attrs, module, *inputs)` is the float operation in torch, NCHW.

    `aten`: names of ATen, several in a key, that lead to the row -> parser. `moves`: its values are its inputs', so
    that they lie on a grid as they are. `channels`: how channels lie after it, where it only reorders them.
    """

    rule: Rule
    run: Callable[..., torch.Tensor]
    aten: Mapping[str, str] | Lacks
    tflite: Tflite
    onnx: Onnx
    kernels: Kernels | Lacks
    inputs: int = 1  # of a plain row
    fuses: bool = False  # an activation behind it is computed with it
    fixed: tuple[float, float] | None = None  # the range of a "fixed" output
    homogeneous: bool = False  # f(a * x) == a * f(x) for a > 0, channel by channel
    overwritten: bool = False  # autograd keeps the inputs at most, so that the result may be written over
    moves: bool = False
    channels: str = ""
    keras: Keras | None = None

    @property
    def shares_grid(self) -> bool:
        """Whether its inputs and its result must have one set of parameters."""
        return self.rule in ("same", "unified")

    @property
    def keeps_grid(self) -> bool:
        """Whether its result lies on its input's grid as it stands; a concatenation has several inputs."""
        return self.moves and self.rule == "same"


def unary(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    return lambda attrs, module, x: function(x)


def named(room: str, name: str, kind: str) -> Any:
    """What a row of this kind names in a room; loaded when it is asked for."""
    file, _, function = name.partition(":")
    return getattr(importlib.import_module(f"{ROOMS[room]}.{file}"), function or kind)
