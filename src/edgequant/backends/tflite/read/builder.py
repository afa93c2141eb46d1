"""Grows the canonical program while the operators of a file are visited in order.

A tensor of the program may be two in the file, a float and an integer one with QUANTIZE or DEQUANTIZE between
them: both are one name here, and `activations` says that its integers exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ....core.grid import QParams
from ....graph.ops.table import OPS
from ....graph.program import Activation, Step, mangle
from ..graph import FileGraph, FileOperator, FileTensor
from .weights import Style, Weight

RESERVED = nn.ModuleDict()  # whose attributes are no names for layers
ACTIVATIONS: dict[int, Activation] = {0: "", 1: "relu", 3: "relu6"}  # ActivationFunctionType


@dataclass
class Builder:
    graph: FileGraph
    steps: list[Step] = field(default_factory=list)
    layers: dict[str, nn.Module] = field(default_factory=dict)
    weights: dict[str, Weight] = field(default_factory=dict)  # by layer
    activations: dict[str, QParams] = field(default_factory=dict)
    alias: dict[int, str] = field(default_factory=dict)  # file tensor -> the program's name of it
    constants: dict[int, tuple[int, Style]] = field(default_factory=dict)  # made by DEQUANTIZE of a constant -> it
    flattened: dict[str, tuple[int, ...]] = field(default_factory=dict)  # flat, in NHWC order -> the (C, H, W) it was
    integer: dict[str, bool] = field(default_factory=dict)  # step -> whether the file computes it in integers
    makers: dict[str, int] = field(default_factory=dict)  # name -> the file tensor that holds it; last, its integers
    rounded: set[str] = field(default_factory=set)  # float tensors with a QUANTIZE behind them
    names: set[str] = field(default_factory=set)

    # Names

    def name(self, wanted: str) -> str:
        """`wanted`, or with a number where it is taken."""
        name, count = wanted, 1
        while name in self.names:
            count += 1
            name = f"{wanted}#{count}"
        self.names.add(name)
        return name

    def layer_name(self, wanted: str) -> str:
        """`wanted`, or with a number where nn.ModuleDict would not take it."""
        name, count, taken = wanted, 1, {mangle(layer) for layer in self.layers}
        while mangle(name) in taken or hasattr(RESERVED, mangle(name)):
            count += 1
            name = f"{wanted}#{count}"
        return name

    # Operands

    def tensor(self, operator: FileOperator, position: int) -> FileTensor:
        """The file's tensor at an operand's place. Raises BadFile where there is none."""
        if position >= len(operator.inputs) or operator.inputs[position] < 0:
            self.graph.refuse(operator, f"lacks operand {position}")
        return self.graph.tensors[operator.inputs[position]]

    def output(self, operator: FileOperator) -> FileTensor:
        if len(operator.outputs) != 1:
            self.graph.refuse(operator, f"makes {len(operator.outputs)} tensors")
        return self.graph.tensors[operator.outputs[0]]

    def source(self, operator: FileOperator, position: int) -> str:
        """The program's name of an operand that comes from the image."""
        tensor = self.tensor(operator, position)
        if tensor.index not in self.alias:
            self.graph.refuse(operator, f"reads {tensor.name or tensor.index!r}, which does not come from the image")
        return self.alias[tensor.index]

    def constant(self, operator: FileOperator, position: int) -> tuple[FileTensor, Style]:
        """A constant, looked up behind the DEQUANTIZE that may stand between."""
        tensor = self.tensor(operator, position)
        if tensor.index in self.constants:
            index, style = self.constants[tensor.index]
            return self.graph.tensors[index], style
        return tensor, "float32" if tensor.type == "float32" else "direct"

    def image(self, operator: FileOperator, tensor: FileTensor) -> tuple[int, int, int]:
        """(C, H, W). Raises BadFile where the tensor is no NHWC image of batch 1."""
        shape = self.shape(operator, tensor)
        if len(shape) != 3:
            self.graph.refuse(operator, f"works on the shape {tensor.shape}, not on an image (1, H, W, C)")
        return shape[0], shape[1], shape[2]

    def shape(self, operator: FileOperator, tensor: FileTensor) -> tuple[int, ...]:
        """As the program has it, without the batch: (C, H, W) or (N,)."""
        if len(tensor.shape) not in (2, 4) or tensor.shape[0] != 1:
            self.graph.refuse(operator, f"has the shape {tensor.shape}; (1, H, W, C) or (1, N) was expected")
        if len(tensor.shape) == 2:
            return tensor.shape[1:]
        _, h, w, c = tensor.shape
        return c, h, w

    def activation(self, operator: FileOperator) -> Activation:
        number = operator.option("fusedActivationFunction") if operator.fuses else 0
        if number not in ACTIVATIONS:
            self.graph.refuse(operator, f"has the fused activation number {number}")
        return ACTIVATIONS[number]

    # Steps

    def append(
        self,
        operator: FileOperator,
        kind: str,
        inputs: tuple[str, ...],
        attrs: Mapping[str, Any] | None = None,
        layer: str = "",
        sources: int = 1,
    ) -> None:
        """The step that makes the operator's output; its first `sources` operands are tensors of the image.

        An activation that the op table does not fuse becomes a step of its own.
        """
        output, activation = self.output(operator), self.activation(operator)
        integer = self._domain(operator, output, sources)
        self._check_order(operator, kind, inputs)
        name = self.alias[output.index] = self.name(output.name or f"{operator.name.lower()}_{operator.index}")
        self.makers[name] = output.index
        shape, fuses = self.shape(operator, output), kind == "mul" or OPS[kind].fuses
        first = name if fuses or not activation else self.name(f"{name}.{kind}")
        self.put(Step(first, kind, inputs, shape, attrs or {}, layer, activation if fuses else ""), integer, output)
        if first != name:
            self.put(Step(name, activation, (first,), shape), integer, output)
        if integer and OPS[kind].shares_grid:
            self._check_same(operator, inputs, first)

    def put(self, step: Step, integer: bool, like: FileTensor) -> str:
        """A step whose integers, if it has any, mean what those of the tensor `like` do."""
        self.steps.append(step)
        self.integer[step.name] = integer
        if integer:
            self.activations[step.name] = qparams(like)
        return step.name

    def _domain(self, operator: FileOperator, output: FileTensor, sources: int) -> bool:
        """Whether the operator computes in integers. Raises BadFile where it mixes the two."""
        tensors = [output, *(self.tensor(operator, i) for i in range(sources))]
        if any(t.type not in ("float32", "int8", "int16") or t.integer != output.integer for t in tensors):
            self.graph.refuse(operator, f"computes on {', '.join(dict.fromkeys(t.type for t in tensors))}")
        if output.integer and any(len(t.scale) != 1 or (t.type == "int16" and t.zero_point.any()) for t in tensors):
            self.graph.refuse(operator, "has activations with several scales, or 16-bit ones with a zero point")
        return output.integer

    def _check_same(self, operator: FileOperator, inputs: tuple[str, ...], output: str) -> None:
        if any(self.activations[t] != self.activations[output] for t in inputs):
            self.graph.refuse(operator, "changes the scale of integers that it only moves")

    def _check_order(self, operator: FileOperator, kind: str, inputs: tuple[str, ...]) -> None:
        """A flattened image lies in another order here than there: only a linear layer's columns can follow."""
        if kind != "linear" and any(t in self.flattened for t in inputs):
            self.graph.refuse(operator, "reads a flattened image")

    def add_layer(self, operator: FileOperator, module: nn.Module, weight: Weight, bias: torch.Tensor | None) -> str:
        """Register a layer under the name of its weights."""
        tensor, _ = self.constant(operator, 1)
        name = self.layer_name(tensor.name or f"{operator.name.lower()}_{operator.index}")
        module.weight = nn.Parameter(weight.value.contiguous())
        if bias is not None:
            module.bias = nn.Parameter(bias)
        self.layers[name], self.weights[name] = module, weight
        return name


def qparams(tensor: FileTensor) -> QParams:
    """An unsigned byte is the signed one plus 128."""
    zero_point = int(tensor.zero_point[0]) - (128 if tensor.type == "uint8" else 0)
    return QParams(float(tensor.scale[0]), zero_point, 16 if tensor.type == "int16" else 8)
