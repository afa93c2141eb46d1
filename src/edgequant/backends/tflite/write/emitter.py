"""The state of one lowering to a .tflite, and what every operator is written with.

Images are NHWC there, so a tensor `(C, H, W)` becomes `[1, H, W, C]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import torch
from torch import nn

from ....core.arrays import Array
from ....core.grid import QParams, bias_scale, quantize_bias
from ....graph.program import Step
from ....quantization.reference import Reference
from ..layout import FUSED, NUMPY, VERSIONS, Op, Type, nhwc, pack
from ..writer import Quant, Writer

Layout = Callable[[torch.Tensor], torch.Tensor]


@final
@dataclass
class Emitter:
    """A tensor of the program may be two in the file, its integers and its floats, with a conversion between them."""

    reference: Reference
    writer: Writer
    integers: dict[str, int] = field(default_factory=dict)  # tensor -> index of its integer form
    floats: dict[str, int] = field(default_factory=dict)  # tensor -> index of its float form
    flattened: dict[str, tuple[int, ...]] = field(default_factory=dict)  # flat tensor -> the (C, H, W) it was
    padded: dict[str, tuple[str, tuple[int, int, int, int]]] = field(default_factory=dict)  # pad merged into its reader
    border: set[int] = field(default_factory=set)  # tensors that are there for the app, not for the network

    def final(self, name: str) -> int:
        return self.integers[name] if name in self.reference.activations else self.floats[name]

    def declare(self, name: str, integer: bool) -> int:
        shape = nhwc(self.reference.captured.program.shape(name))
        if not integer:
            self.floats[name] = self.writer.tensor(shape, Type.FLOAT32, name=name)
            return self.floats[name]
        p = self.reference.activations[name]
        kind = Type.INT16 if p.bits > 8 else Type.INT8
        self.integers[name] = self.writer.tensor(shape, kind, Quant((p.scale,), (p.zero_point,)), name)
        return self.integers[name]

    def read(self, name: str, integer: bool) -> int:
        """The tensor in the wanted form, converted if it does not have it yet."""
        have = self.integers if integer else self.floats
        return have[name] if name in have else self.convert(name, integer)

    def convert(self, name: str, to_integer: bool) -> int:
        source = (self.floats if to_integer else self.integers)[name]
        target = self.declare(name, to_integer)
        code = Op.QUANTIZE if to_integer else Op.DEQUANTIZE
        wide = name in self.reference.activations and self.reference.activations[name].bits > 8
        self.writer.operator(code, (source,), (target,), version=VERSIONS[code][2 if wide else 1])
        return target

    def source_name(self, name: str) -> str:
        """The tensor that is read for `name`: what a merged padding pads, else itself."""
        return self.padded[name][0] if name in self.padded else name

    def layer(self, step: Step) -> nn.Conv2d | nn.Linear:
        return self.reference.captured.network.layer(step.layer)

    def conv(self, step: Step) -> nn.Conv2d:
        layer = self.layer(step)
        assert isinstance(layer, nn.Conv2d)
        return layer

    def constant(self, values: Any, kind: int = Type.INT32, quant: Quant | None = None, name: str = "") -> int:
        array = np.ascontiguousarray(np.asarray(values), dtype=NUMPY[kind])
        return self.writer.constant(array.tobytes(), array.shape, kind, quant, name)

    def weight(self, step: Step, layout: Layout, axis: int) -> int:
        """The layer's weight as the recipe's kind stores it, converted to float by an operator where that kind does.

        `layout`: from torch's order to the kernel's, where the output channels are dimension `axis`.
        """
        quantized = self.reference.weights.get(step.layer)
        if quantized is None:
            return self._float(layout(self.layer(step).weight.detach()).numpy(), step.layer)
        q, scales = layout(quantized.q).contiguous().numpy(), tuple(quantized.scale.tolist())
        quant = Quant(scales, (0,) * len(scales), axis if len(scales) > 1 else 0)
        if quantized.bits > 4:
            index = self.constant(q, Type.INT8, quant, step.layer)
        else:
            width, kind = (2, Type.INT2) if quantized.bits == 2 else (4, Type.INT4)
            index = self.writer.constant(pack(q, width), q.shape, kind, quant, step.layer)
        return self._dequantized(index, version=5) if self.reference.kind == "weight-only" else index

    def bias(self, step: Step, integer: bool) -> int:
        """Zeros where the layer has none: the kernels take no bias that is left out."""
        layer, name = self.layer(step), f"{step.layer}.bias"
        value = torch.zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias.detach()
        if not integer:
            return self._float(value.numpy(), name)
        p: QParams = self.reference.activations[self.source_name(step.inputs[0])]
        weight, wide = self.reference.weights[step.layer], p.bits > 8
        q = quantize_bias(value, p.scale, weight.scale, 64 if wide else 32)
        scales = tuple(bias_scale(p.scale, weight.scale).tolist())
        return self.constant(q, Type.INT64 if wide else Type.INT32, Quant(scales, (0,) * len(scales)), name)

    def _float(self, values: Array, name: str) -> int:
        if self.reference.kind == "float16":
            return self._dequantized(self.constant(values, Type.FLOAT16, name=name), version=3)
        return self.constant(values, Type.FLOAT32, name=name)

    def _dequantized(self, index: int, version: int) -> int:
        target = self.writer.tensor(self.writer.tensors[index].shape, Type.FLOAT32)
        self.writer.operator(Op.DEQUANTIZE, (index,), (target,), version=version)
        return target


@final
@dataclass(frozen=True)
class Writing:
    """One step on its way into the file: the tensors that it reads and makes, all in integers or all in floats."""

    emitter: Emitter
    step: Step
    inputs: tuple[int, ...]
    output: int
    integer: bool

    @property
    def grid(self) -> QParams:
        """Of the integers that the step makes."""
        return self.emitter.reference.activations[self.step.name]

    @property
    def wide(self) -> bool:
        return self.integer and self.grid.bits > 8

    @property
    def fused(self) -> int:
        return FUSED[self.step.activation]

    def op(self, code: int, inputs: Sequence[int], options: Any = None, output: int | None = None) -> None:
        """An operator that makes the step's output, or another tensor on the way there."""
        made = self.output if output is None else output
        version = VERSIONS[code][2 if self.wide else int(self.integer)]
        self.emitter.writer.operator(code, tuple(inputs), (made,), options, version)

    def shape(self, index: int) -> tuple[int, ...]:
        return self.emitter.writer.tensors[index].shape

    def between(self, like: int, shape: Sequence[int], name: str) -> int:
        """A tensor on the grid of another, in another shape: rows that are several operators decide nothing."""
        source = self.emitter.writer.tensors[like]
        return self.emitter.writer.tensor(tuple(map(int, shape)), source.type, source.quant, f"{self.step.name}.{name}")

    def number(self, like: int, real: float, q: float, rank: int = 4) -> int:
        """One number on the grid of a tensor: `q` is its centred integer, `real` what a float tensor takes."""
        source = self.emitter.writer.tensors[like]
        value = q + source.quant.zero_point[0] if source.quant else real
        return self.emitter.constant(np.full((1,) * rank, value), source.type, source.quant)


Emit = Callable[[Writing], None]
