"""An ONNX model under construction: nodes, and constants that are each stored once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch

from ...core.arrays import Array
from ...core.preprocess import pixel_record

OPSET = 21  # the first with 4-bit constants
OFFSET = 128  # from the reference's int8 to the file's uint8, zero points too
IR_VERSION = 10  # what opset 21 asks for; ONNX Runtime reads it from 1.20 on
FLOAT, FLOAT16, INT32, UINT8, INT8, INT4 = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.INT32,
    onnx.TensorProto.UINT8,
    onnx.TensorProto.INT8,
    onnx.TensorProto.INT4,
)


@dataclass
class OnnxGraph:
    """Grows node by node. A name is a tensor's; a constant equal to an earlier one gets the earlier one's name."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    outputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    _known: dict[tuple[int, tuple[int, ...], bytes], str] = field(default_factory=dict)

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Append a node with one output; its name back. Inputs named "" are left out."""
        self.nodes.append(onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Array, name: str = "") -> str:
        """Store an array (or find the same one); its name back. Unnamed: `/` and a number, as no tensor is."""
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
        return self._store(int(kind), array.shape, array.tobytes(), name)

    def constant_int4(self, value: Array, name: str) -> str:
        """Store integers in [-8, 7] two to a byte, the first in the low half (ONNX's INT4)."""
        return self._store(INT4, value.shape, pack_int4(value), name)

    def _store(self, kind: int, shape: tuple[int, ...], raw: bytes, name: str) -> str:
        key = (kind, tuple(shape), raw)
        if key not in self._known:
            name = self._known[key] = name or f"/{len(self.constants)}"
            self.constants[name] = onnx.TensorProto(name=name, data_type=kind, dims=shape, raw_data=raw)
        return self._known[key]

    def declare_input(self, name: str, kind: int, shape: Sequence[int]) -> None:
        self.inputs.append(onnx.helper.make_tensor_value_info(name, kind, ["N", *shape]))

    def declare_output(self, name: str, kind: int, shape: Sequence[int]) -> None:
        self.outputs.append(onnx.helper.make_tensor_value_info(name, kind, ["N", *shape]))

    def model(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The model, checked by onnx.checker; no producer, no doc strings, no shapes of inner tensors."""
        constants = list(self.constants.values())
        graph = onnx.helper.make_graph(self.nodes, "g", self.inputs, self.outputs, constants)
        opsets = [onnx.helper.make_opsetid("", OPSET)]
        model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        onnx.helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model


def pack_int4(value: Array) -> bytes:
    """Integers in [-8, 7], any shape, as nibbles in order; an odd count is filled with a zero."""
    flat = value.reshape(-1).astype(np.uint8) & 15
    even = np.append(flat, np.uint8(0)) if len(flat) % 2 else flat
    return bytes((even[0::2] | (even[1::2] << 4)).astype(np.uint8).tobytes())


def to_numpy(tensor: torch.Tensor) -> Array:
    return tensor.detach().cpu().numpy()


def metadata(reference: Any, border: Mapping[str, Any]) -> dict[str, str]:
    """What an app must know to feed the file and to read its scores, as one JSON text; `border` adds to it."""
    pixels = pixel_record(reference.captured.inputs)
    record = {
        "recipe": reference.recipe,
        "shape": pixels["shape"],  # ahead of the others, as in files whose checksums are published
        **pixels,
        **border,
        "classes": list(reference.captured.classes),
    }
    return {"edgequant": json.dumps(record, separators=(",", ":"))}
