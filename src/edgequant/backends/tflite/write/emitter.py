"""The state of one lowering to a .tflite: which tensors and constants exist, and in which form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from ....core.grid import QParams, WeightQ, bias_scale, quantize_bias
from ....graph.program import Step
from ....quantization.reference import Reference
from ..layout import NUMPY, VERSIONS, Op, Type, nhwc, pack
from ..writer import Quant, Writer


@dataclass
class Emitter:
    """The state of one lowering. `place` maps each tensor of the program to its index, per domain."""

    reference: Reference
    writer: Writer
    integers: dict[str, int] = field(default_factory=dict)  # tensor -> index of its integer form
    floats: dict[str, int] = field(default_factory=dict)  # tensor -> index of its float form
    flattened: dict[str, tuple[int, ...]] = field(default_factory=dict)  # flat tensor -> the (C, H, W) it was
    padded: dict[str, tuple[str, tuple[int, int, int, int]]] = field(default_factory=dict)  # pad merged into its reader
    border: set[int] = field(default_factory=set)  # tensors that are there for the app, not for the network

    def final(self, name: str) -> int:
        return self.integers[name] if name in self.reference.activations else self.floats[name]

    # Tensors

    def make(self, name: str) -> int:
        """The tensor in the form it ships in: integers where it has parameters."""
        return self.declare(name, name in self.reference.activations)

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
        return self.padded[name][0] if name in self.padded else name

    def integers_of(
        self, data: torch.Tensor | np.ndarray[Any, Any], kind: int, quant: Quant | None = None, name: str = ""
    ) -> int:
        array = np.ascontiguousarray(np.asarray(data), dtype=NUMPY[kind])
        return self.writer.constant(array.tobytes(), array.shape, kind, quant, name)

    def op(
        self,
        code: int,
        step: Step,
        inputs: tuple[int, ...],
        output: int,
        integer: bool,
        options_type: int = 0,
        options: Any = None,
    ) -> None:
        wide = integer and self.reference.activations[step.name].bits > 8
        version = VERSIONS[code][2 if wide else int(integer)]
        self.writer.operator(code, inputs, (output,), options_type, options, version)

    # Weights

    def weight(self, step: Step, layout: Callable[[torch.Tensor], torch.Tensor], axis: int) -> int:
        """The layer's weight as the recipe's kind stores it, converted to float by an operator where that kind does."""
        quantized = self.reference.weights.get(step.layer)
        if quantized is not None:
            index = self.packed(quantized, layout, axis, step.layer)
            return self.dequantized(index) if self.reference.kind == "weight-only" else index
        value = layout(self.reference.captured.network.layer(step.layer).weight.detach())
        return self.float_constant(value, step.layer)

    def float_constant(self, value: torch.Tensor, name: str) -> int:
        if self.reference.kind == "float16":
            return self.dequantized(self.integers_of(value.numpy(), Type.FLOAT16, name=name))
        return self.integers_of(value.numpy(), Type.FLOAT32, name=name)

    def dequantized(self, index: int) -> int:
        target = self.writer.tensor(self.writer.tensors[index].shape, Type.FLOAT32)
        wide = self.writer.tensors[index].type == Type.FLOAT16
        self.writer.operator(Op.DEQUANTIZE, (index,), (target,), version=3 if wide else 5)
        return target

    def packed(self, weight: WeightQ, layout: Callable[[torch.Tensor], torch.Tensor], axis: int, name: str) -> int:
        q = layout(weight.q).contiguous().numpy()
        scales = tuple(weight.scale.tolist())
        quant = Quant(scales, (0,) * len(scales), axis if len(scales) > 1 else 0)
        if weight.bits > 4:
            return self.integers_of(q, Type.INT8, quant, name)
        width, kind = (2, Type.INT2) if weight.bits == 2 else (4, Type.INT4)
        return self.writer.constant(pack(q, width), q.shape, kind, quant, name)

    def bias(self, step: Step, integer: bool) -> int:
        layer = self.reference.captured.network.layer(step.layer)
        value = torch.zeros(layer.weight.shape[0]) if layer.bias is None else layer.bias.detach()
        if not integer:
            return self.float_constant(value, f"{step.layer}.bias")
        p: QParams = self.reference.activations[self.source_name(step.inputs[0])]
        weight = self.reference.weights[step.layer]
        wide = p.bits > 8
        q = quantize_bias(value, p.scale, weight.scale, 64 if wide else 32)
        scales = tuple(bias_scale(p.scale, weight.scale).tolist())
        return self.integers_of(
            q.numpy(), Type.INT64 if wide else Type.INT32, Quant(scales, (0,) * len(scales)), f"{step.layer}.bias"
        )

    # Layout

    def conv(self, step: Step) -> nn.Conv2d:
        layer = self.reference.captured.network.layer(step.layer)
        assert isinstance(layer, nn.Conv2d)
        return layer
