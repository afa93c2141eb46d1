"""What the format fixes: operator versions, the layout of a tensor, the packing of small integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ...graph.ops.table import tflite_operators

Op = schema.BuiltinOperator
Options = schema.BuiltinOptions
Type = schema.TensorType
FUSED = {"": 0, "relu": 1, "relu6": 3, "relu1": 1}  # ActivationFunctionType; a ReLU1's end is another operator's
NUMPY = {
    Type.FLOAT32: np.float32,
    Type.FLOAT16: np.float16,
    Type.INT8: np.int8,
    Type.INT16: np.int16,
    Type.INT32: np.int32,
    Type.INT64: np.int64,
}
# Operator code -> versions with (float, int8, int16 activations).
VERSIONS = {getattr(Op, name): operator.versions for name, (_, operator) in tflite_operators().items()}
VERSIONS[Op.DEQUANTIZE] = (2, 2, 3)  # no row's: between one and the next


def nhwc(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, *shape)


def pack(q: np.ndarray[Any, Any], bits: int) -> bytes:
    """Two's complement in 2 or 4 bits, the first value in the lowest ones, as LiteRT's small tensors are stored."""
    per_byte = 8 // bits
    flat = q.astype(np.int8).reshape(-1)
    flat = np.concatenate([flat, np.zeros(-len(flat) % per_byte, np.int8)]).view(np.uint8) & (2**bits - 1)
    shifted = flat.reshape(-1, per_byte) << (bits * np.arange(per_byte, dtype=np.uint8))
    return bytes(np.bitwise_or.reduce(shifted, axis=1).astype(np.uint8).tobytes())
