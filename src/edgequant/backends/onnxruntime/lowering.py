"""One step of the reference graph after another as ONNX nodes, and the state that this needs.

Activations are uint8 in the file: the reference's int8 integers plus 128, zero points too, so every
value is the same. ONNX Runtime asks for it. With int8 activations its x86 optimizer turns some
tensors to uint8 and leaves others, and operations between the two kinds stay in float (17 of
MobileNetV2's 52 convolutions; all 52 are integer with uint8); forced to int8 kernels it took 10 ms
for what takes 0.4. On ARM both fuse.

A quantized tensor `t` of the program is the uint8 tensor `t` of the file; its float value behind
DequantizeLinear is `t/dq`, the one before QuantizeLinear `t/f`. An app feeds and reads uint8
wherever the reference quantizes the input and the output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from ...core.arrays import Array
from ...core.errors import Unsupported
from ...core.grid import QParams, WeightQ, bias_scale, quantize_bias
from ...graph.program import Step
from ...quantization.reference import Reference
from ...quantization.simulation.arithmetic import limits
from ...quantization.simulation.kernels.moves import padding_value
from ..onnx import moves as onnx_moves
from ..onnx.emit import ACTIVATIONS, EMIT
from ..onnx.graph import INT8, OFFSET, OnnxGraph, to_numpy
from .dynamic import DynamicLayers


class Lowering:
    """Writes step after step; knows for each tensor the name of its integers, its float value, or both."""

    def __init__(self, reference: Reference, activations: Mapping[str, QParams]) -> None:
        self.graph = OnnxGraph()
        self.reference = reference
        self.network = reference.captured.network
        self.weights = reference.weights
        self.half = reference.kind == "float16"
        self.dynamic_layers = DynamicLayers(self.graph) if reference.kind == "dynamic" else None
        self.activations = activations
        self.real: dict[str, str] = {}
        self.integer: dict[str, str] = {}

    def write(self, step: Step) -> None:
        qparams = self.activations.get(step.name)
        if onnx_moves.moves(step) and qparams and qparams == self.activations.get(step.inputs[0]):
            self.integer[step.name] = self._moved(step, qparams)
            return
        inputs = [self._read(name) for name in step.inputs]
        if qparams is None:
            self.real[step.name] = self._activated(step, inputs)
        else:
            value = self._operation(step, inputs, f"{step.name}/f")
            self.integer[step.name] = self._quantized(step, value, qparams)

    def layer(self, step: Step) -> nn.Conv2d | nn.Linear:
        return self.network.layer(step.layer)

    def float_constant(self, value: Any, name: str = "") -> str:
        """Raises Unsupported where float16 cannot hold a value."""
        array: Array = np.asarray(value, np.float32)
        if self.half:
            if np.abs(array).max(initial=0) > np.finfo(np.float16).max:
                raise Unsupported(f"{name} reaches {np.abs(array).max():.3g}; float16 ends at 65504. Use float32.")
            array = array.astype(np.float16)
        return self.graph.constant(array, name)

    def parameters(self, step: Step) -> list[str]:
        layer, quantized = self.layer(step), self.weights.get(step.layer)
        if quantized is None:
            weight = self.float_constant(to_numpy(layer.weight), f"{step.layer}.w")
        else:
            weight = self._dequantized_weight(step, quantized)
        if layer.bias is None:
            return [weight]
        return [weight, self._bias(step, layer.bias)]

    def _read(self, tensor: str) -> str:
        """The name of a tensor's float value; written behind the integers the first time somebody asks."""
        if tensor not in self.real:
            scale, zero_point = self.qparams(self.activations[tensor])
            self.real[tensor] = self.graph.node(
                "DequantizeLinear", [self.integer[tensor], scale, zero_point], f"{tensor}/dq"
            )
        return self.real[tensor]

    def _operation(self, step: Step, inputs: Sequence[str], output: str) -> str:
        if self.dynamic_layers and step.weighted and step.layer in self.weights:
            return self.dynamic_layers.write(step, self.layer(step), self.weights[step.layer], inputs[0], output)
        return EMIT[step.kind](self, step, inputs, output)

    def _activated(self, step: Step, inputs: Sequence[str]) -> str:
        if not step.activation:
            return self._operation(step, inputs, step.name)
        value = self._operation(step, inputs, f"{step.name}/a")
        return ACTIVATIONS[step.activation](self, step, [value], step.name)

    def _quantized(self, step: Step, value: str, qparams: QParams) -> str:
        """The activation is clamped on the integers, and only if the grid does not do so by itself.

        Between the operation and its QuantizeLinear it would keep the runtime from fusing the two.
        """
        scale, zero_point = self.qparams(qparams)
        low, high = (int(bound) + qparams.zero_point for bound in limits(step, qparams))
        if (low, high) == (qparams.low, qparams.high):
            return self.graph.node("QuantizeLinear", [value, scale, zero_point], step.name)
        whole = self.graph.node("QuantizeLinear", [value, scale, zero_point], f"{step.name}/q")
        bounds = [self.graph.constant(np.array(bound + OFFSET, np.uint8)) for bound in (low, high)]
        return self.graph.node("Clip", [whole, *bounds], step.name)

    def _moved(self, step: Step, qparams: QParams) -> str:
        """On the integers, a padding with the zero point or a value: between Q and DQ these stay in float."""
        number = []
        if step.kind == "pad":
            integer = int(padding_value(step, qparams)) + qparams.zero_point + OFFSET
            number = [self.graph.constant(np.array(integer, np.uint8))]
        return onnx_moves.MOVES[step.kind](self.graph, step, [self.integer[step.inputs[0]], *number], step.name)

    def qparams(self, qparams: QParams) -> tuple[str, str]:
        return (
            self.graph.constant(np.array(qparams.scale, np.float32)),
            self.graph.constant(np.array(qparams.zero_point + OFFSET, np.uint8)),
        )

    def _dequantized_weight(self, step: Step, weight: WeightQ) -> str:
        name, scale = f"{step.layer}.w", to_numpy(weight.scale)
        values = to_numpy(weight.q).astype(np.int8)
        stored = self._as_int8(values, name) if weight.bits == 4 else self.graph.constant(values, name)
        # ONNX Runtime makes QGemm only of a weight that states its zero point; QLinearConv of any
        stated = step.kind == "linear"
        zero_point = [self.graph.constant(np.zeros(scale.shape if scale.size > 1 else (), np.int8))] if stated else []
        return self._dequantize(stored, scale, f"{name}/dq", zero_point)

    def _as_int8(self, values: Array, name: str) -> str:
        """4-bit integers as the int8 that the integer kernels take; the runtime widens them once, at load.

        Dequantized as they are, they would make every convolution a float one: ten times slower, and inexact.
        """
        return self.graph.node("Cast", [self.graph.constant_int4(values, name)], f"{name}/8", to=INT8)

    def _bias(self, step: Step, bias: torch.Tensor) -> str:
        if not self.reference.runs_in_integers(step, step.inputs):
            return self.float_constant(to_numpy(bias), f"{step.layer}.b")
        source, weight_scale = self.activations[step.inputs[0]].scale, self.weights[step.layer].scale
        try:
            integers = to_numpy(quantize_bias(bias, source, weight_scale)).astype(np.int32)
        except Unsupported as error:
            raise Unsupported(f"Layer {step.layer!r}: {error}") from error
        stored = self.graph.constant(integers, f"{step.layer}.b")
        return self._dequantize(stored, to_numpy(bias_scale(source, weight_scale)), f"{step.layer}.b/dq")

    def _dequantize(self, stored: str, scale: Array, output: str, zero_point: Sequence[str] = ()) -> str:
        """DequantizeLinear of a constant, along axis 0 or as a whole; its zero point is 0."""
        per_channel = scale.size > 1
        names = [stored, self.graph.constant(scale if per_channel else scale.reshape(())), *zero_point]
        return self.graph.node("DequantizeLinear", names, output, **({"axis": 0} if per_channel else {}))
