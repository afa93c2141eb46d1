"""Layers whose input is quantized while the network runs: no calibration, int8 weights, float results."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import onnx
from torch import nn

from ...core.grid import WeightQ
from ...graph.program import Step
from ..onnx.emit import conv_attributes
from ..onnx.graph import FLOAT, OnnxGraph, to_numpy


class DynamicLayers:
    """Writes DynamicQuantizeLinear, the integer product, and the scales behind it.

    ConvInteger wants one zero point for all channels. Ours is 0 everywhere, so the scales, which
    are applied behind it in float, may well differ from channel to channel.
    """

    def __init__(self, graph: OnnxGraph) -> None:
        self.graph = graph
        self.ranged: dict[str, tuple[str, str, str]] = {}  # float tensor -> its uint8 values, scale, zero point

    def write(self, step: Step, layer: nn.Conv2d | nn.Linear, weight: WeightQ, source: str, output: str) -> str:
        """`output` = product * (input scale * weight scale) + bias, float32."""
        values, scale, zero_point = self._range(source)
        total = self._product(step, layer, weight, values, zero_point)
        real = self.graph.node("Cast", [total], f"{step.name}/c", to=FLOAT)
        both = self.graph.node("Mul", [scale, self._per_channel(step, weight.scale)], f"{step.name}/s")
        if layer.bias is None:
            return self.graph.node("Mul", [real, both], output)
        scaled = self.graph.node("Mul", [real, both], f"{step.name}/m")
        return self.graph.node("Add", [scaled, self._per_channel(step, layer.bias, f"{step.layer}.b")], output)

    def _range(self, source: str) -> tuple[str, str, str]:
        """Written once, however many layers read the tensor."""
        if source not in self.ranged:
            names = (f"{source}/u", f"{source}/us", f"{source}/uz")
            self.graph.nodes.append(onnx.helper.make_node("DynamicQuantizeLinear", [source], list(names)))
            self.ranged[source] = names
        return self.ranged[source]

    def _product(self, step: Step, layer: nn.Module, weight: WeightQ, values: str, zero_point: str) -> str:
        """int32 sums. A linear layer's weight is stored as MatMulInteger takes it, `(inputs, outputs)`."""
        integers = to_numpy(weight.q).astype(np.int8)
        name, output = f"{step.layer}.w", f"{step.name}/i"
        if step.kind == "linear":
            stored = self.graph.constant(integers.T, name)
            return self.graph.node("MatMulInteger", [values, stored, zero_point], output)
        stored = self.graph.constant(integers, name)
        attributes = conv_attributes(cast(nn.Conv2d, layer), step)
        return self.graph.node("ConvInteger", [values, stored, zero_point], output, **attributes)

    def _per_channel(self, step: Step, values: Any, name: str = "") -> str:
        """(O,) or (1,) as a constant that broadcasts over the channels of the layer's result."""
        shape = (-1,) if step.kind == "linear" else (1, -1, 1, 1)
        return self.graph.constant(to_numpy(values).astype(np.float32).reshape(shape), name)
