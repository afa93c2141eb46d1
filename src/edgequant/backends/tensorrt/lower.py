"""The reference graph as TensorRT reads it: float in and out, int8 between a Quantize and a Dequantize.

TensorRT differs from ONNX Runtime in what it fuses: activations are int8 with zero point 0, Q stands behind the
activation function, biases stay float32, and weights are int8 constants behind a per-channel Dequantize.
Source: NVIDIA TensorRT documentation, "Explicit Quantization", and the figures of its Q/DQ placement recommendations.
That biases stay float is a choice: no text of NVIDIA's was found that asks for it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from torch import nn

from ...core.arrays import Array
from ...core.errors import Unsupported
from ...core.grid import QParams, WeightQ
from ...graph.program import Program, Step
from ...quantization.reference import Reference
from ..onnx import graph as onnx_graph
from ..onnx.emit import ACTIVATIONS, EMIT
from ..onnx.graph import FLOAT, FLOAT16, OnnxGraph, to_numpy
from ..onnx.rewrite import rewrite

# The format is that of caches in NVIDIA/TensorRT's issues (625, 1058): text, a scale for each tensor. NVIDIA documents
# none, and no TensorRT has read ours. 11 reads no cache at all: it removed --calib and the calibrators.
CACHE_HEAD = "TRT-8601-EntropyCalibration2"


def lower(reference: Reference) -> onnx.ModelProto:
    """Raises Unsupported where a float16 network has a value that float16 lacks."""
    asked = reference.captured.deployed
    if {asked.input, asked.output} - {"", "float32"} or asked.layout not in ("", "nchw"):
        raise Unsupported(f"A TensorRT network takes and gives float32 in NCHW. {asked} was asked for. Leave it out.")
    program, activations = rewrite(reference.captured.program, reference.activations)
    lowering = _Lowering(reference, activations)
    lowering.begin(program)
    for step in program.steps:
        lowering.write(step)
    lowering.end(program)
    return lowering.graph.model(onnx_graph.metadata(reference, {"layout": "NCHW"}))


def calibration_cache(reference: Reference) -> str:
    """The scales as TensorRT's calibrators kept them: a tensor a line, its scale as the hex of a big-endian float32."""
    lines = [CACHE_HEAD]
    for tensor, qparams in reference.activations.items():
        lines.append(f"{tensor}: {struct.pack('>f', qparams.scale).hex()}")
    return "\n".join(lines) + "\n"


class _Lowering:
    """Writes step after step; `real` is the name of a tensor's float value, behind its grid where it has one."""

    def __init__(self, reference: Reference, activations: dict[str, QParams]) -> None:
        self.graph, self.reference, self.activations = OnnxGraph(), reference, activations
        self.network, self.half = reference.captured.network, reference.kind == "float16"
        self.real: dict[str, str] = {}

    def begin(self, program: Program) -> None:
        name = program.input
        self.graph.declare_input(name, FLOAT, program.input_shape)
        value = self.graph.node("Cast", [name], f"{name}/h", to=FLOAT16) if self.half else name
        self.real[name] = self._on_grid(name, value)

    def write(self, step: Step) -> None:
        value = self._activated(step, [self.real[name] for name in step.inputs])
        self.real[step.name] = self._on_grid(step.name, value)

    def end(self, program: Program) -> None:
        """Float scores. The last tensor's own grid is passed through: its steps are what a reader may rely on."""
        value = self.real[program.only.tensor]
        scores = self.graph.node("Cast", [value], "scores", to=FLOAT) if self.half else value
        self.graph.declare_output(scores, FLOAT, program.only.shape)

    def layer(self, step: Step) -> nn.Conv2d | nn.Linear:
        return self.network.layer(step.layer)

    def float_constant(self, value: Any) -> str:
        """Raises Unsupported."""
        array: Array = np.asarray(value, np.float32)
        if not self.half:
            return self.graph.constant(array)
        if np.abs(array).max(initial=0) > np.finfo(np.float16).max:
            raise Unsupported(f"A value of {np.abs(array).max():.3g} is beyond float16's 65504. Use float32.")
        return self.graph.constant(array.astype(np.float16))

    def parameters(self, step: Step) -> list[str]:
        layer, quantized = self.layer(step), self.reference.weights.get(step.layer)
        weight = self.float_constant(to_numpy(layer.weight)) if quantized is None else self._weight(step, quantized)
        return [weight] if layer.bias is None else [weight, self.float_constant(to_numpy(layer.bias))]

    def _activated(self, step: Step, inputs: Sequence[str]) -> str:
        if not step.activation:
            return EMIT[step.kind](self, step, inputs, f"{step.name}/f")
        value = EMIT[step.kind](self, step, inputs, f"{step.name}/a")
        return ACTIVATIONS[step.activation](self, step, [value], f"{step.name}/f")

    def _on_grid(self, tensor: str, value: str) -> str:
        qparams = self.activations.get(tensor)
        if qparams is None:
            return value
        grid = self._grid(np.asarray(qparams.scale, np.float32), qparams.zero_point)
        integers = self.graph.node("QuantizeLinear", [value, *grid], f"{tensor}/q")
        return self.graph.node("DequantizeLinear", [integers, *grid], f"{tensor}/dq")

    def _weight(self, step: Step, weight: WeightQ) -> str:
        stored = self.graph.constant(to_numpy(weight.q).astype(np.int8), f"{step.layer}.w")
        scale = to_numpy(weight.scale).astype(np.float32)
        per_channel = scale.size > 1
        grid = self._grid(scale if per_channel else scale.reshape(()), 0)
        return self.graph.node(
            "DequantizeLinear", [stored, *grid], f"{step.layer}.w/dq", **({"axis": 0} if per_channel else {})
        )

    def _grid(self, scale: Array, zero_point: int) -> list[str]:
        return [self.graph.constant(scale), self.graph.constant(np.full(scale.shape, zero_point, np.int8))]
