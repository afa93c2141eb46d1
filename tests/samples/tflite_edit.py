"""A .tflite taken apart, changed in one place and written again: files as other tools make them, and broken ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgequant.backends.tflite.inspect import read_model


class Edit:
    def __init__(self, path: Path) -> None:
        self.model: Any = read_model(path)
        self.graph: Any = self.model.subgraphs[0]
        for part in (self.graph, *self.graph.operators):  # what was read from the file is read-only
            part.inputs, part.outputs = np.array(part.inputs), np.array(part.outputs)

    def op(self, name: str, which: int = 0) -> Any:
        code = getattr(schema.BuiltinOperator, name)
        return [o for o in self.graph.operators if self.model.operatorCodes[o.opcodeIndex].builtinCode == code][which]

    def tensor(self, operator: Any, position: int) -> Any:
        return self.graph.tensors[operator.inputs[position]]

    def made(self, operator: Any) -> Any:
        return self.graph.tensors[operator.outputs[0]]

    def code(self, name: str) -> int:
        """The index of an operator code, added if it is not there."""
        number = getattr(schema.BuiltinOperator, name)
        added = schema.OperatorCodeT()
        added.builtinCode, added.deprecatedBuiltinCode, added.version = number, min(number, 127), 2
        self.model.operatorCodes.append(added)
        return len(self.model.operatorCodes) - 1

    def add_tensor(self, shape: tuple[int, ...], kind: int, scale: float | None = None, zero_point: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.name, tensor.hasRank = np.array(shape, np.int32), kind, b"", True
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.array([scale], np.float32)
            tensor.quantization.zeroPoint = np.array([zero_point], np.int64)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def insert(self, at: int, name: str, inputs: list[int], outputs: list[int]) -> Any:
        operator = schema.OperatorT()
        operator.opcodeIndex = self.code(name)
        operator.inputs, operator.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        self.graph.operators.insert(at, operator)
        return operator

    def fill(self, tensor: Any, values: np.ndarray) -> None:
        """New content, in a buffer that no other tensor shares."""
        self.model.buffers.append(schema.BufferT())
        self.model.buffers[-1].data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.buffer = len(self.model.buffers) - 1

    def forget(self) -> None:
        """Drop edgequant's metadata: a file of another tool."""
        self.model.metadata = []
        self.model.signatureDefs = []

    def save(self, path: Path) -> Path:
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


Change = Callable[[Edit], None]


def option(operator: str, name: str, value: Any) -> Change:
    """Set an operator's option."""

    def change(e: Edit) -> None:
        setattr(e.op(operator).builtinOptions, name, value)

    return change


def float_borders(e: Edit) -> None:
    """Float in, QUANTIZE; DEQUANTIZE, float out: what TensorFlow's converter writes unless told otherwise."""
    for side, name in ((e.graph.inputs, "QUANTIZE"), (e.graph.outputs, "DEQUANTIZE")):
        inner = int(side[0])
        outer = e.add_tensor(tuple(e.graph.tensors[inner].shape), schema.TensorType.FLOAT32)
        first = name == "QUANTIZE"
        e.insert(0 if first else len(e.graph.operators), name, [outer if first else inner], [inner if first else outer])
        side[0] = outer
    e.forget()


def unsigned_borders(e: Edit) -> None:
    """uint8 in and out, each with a QUANTIZE that moves by 128."""
    for side, at in ((e.graph.inputs, 0), (e.graph.outputs, -1)):
        inner = int(side[0])
        tensor = e.graph.tensors[inner]
        scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
        outer = e.add_tensor(tuple(tensor.shape), schema.TensorType.UINT8, scale, zero_point + 128)
        where = len(e.graph.operators) if at else 0
        e.insert(where, "QUANTIZE", [inner] if at else [outer], [outer] if at else [inner])
        side[0] = outer
    e.forget()
