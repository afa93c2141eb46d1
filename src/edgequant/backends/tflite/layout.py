"""What the format fixes: operator versions, the layout of a tensor, the packing of small integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

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
# Operator versions: (float, int8, int16 activations), from TensorFlow's register.cc and op_version.cc.
VERSIONS = {
    Op.CONV_2D: (1, 3, 5), Op.DEPTHWISE_CONV_2D: (1, 3, 5), Op.FULLY_CONNECTED: (1, 4, 7), Op.ADD: (1, 2, 3),
    Op.MUL: (1, 2, 4), Op.MEAN: (1, 2, 3), Op.MAX_POOL_2D: (1, 2, 3), Op.AVERAGE_POOL_2D: (1, 2, 3),
    Op.PAD: (1, 2, 3), Op.CONCATENATION: (1, 2, 3), Op.LOGISTIC: (1, 2, 3), Op.SOFTMAX: (1, 2, 3),
    Op.RELU: (1, 2, 2), Op.RELU6: (1, 2, 2), Op.QUANTIZE: (1, 1, 2), Op.DEQUANTIZE: (2, 2, 3), Op.RESHAPE: (1, 1, 1),
    Op.SUB: (1, 2, 5), Op.MAXIMUM: (1, 2, 3), Op.MINIMUM: (1, 2, 3), Op.TANH: (1, 2, 3), Op.ELU: (1, 1, 1),
    Op.GELU: (1, 2, 2), Op.HARD_SWISH: (1, 1, 1), Op.LEAKY_RELU: (1, 2, 2), Op.RSQRT: (1, 2, 3),
    Op.RESIZE_BILINEAR: (3, 3, 4), Op.RESIZE_NEAREST_NEIGHBOR: (3, 3, 4), Op.SLICE: (1, 2, 4),
    Op.STRIDED_SLICE: (1, 2, 4), Op.TRANSPOSE: (1, 2, 4), Op.DEPTH_TO_SPACE: (1, 2, 2), Op.PADV2: (1, 2, 3),
    Op.MIRROR_PAD: (1, 2, 3),
}  # fmt: skip


def nhwc(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, *shape)


def pack(q: np.ndarray[Any, Any], bits: int) -> bytes:
    """Two's complement in 2 or 4 bits, the first value in the lowest ones, as LiteRT's small tensors are stored."""
    per_byte = 8 // bits
    flat = q.astype(np.int8).reshape(-1)
    flat = np.concatenate([flat, np.zeros(-len(flat) % per_byte, np.int8)]).view(np.uint8) & (2**bits - 1)
    shifted = flat.reshape(-1, per_byte) << (bits * np.arange(per_byte, dtype=np.uint8))
    return bytes(np.bitwise_or.reduce(shifted, axis=1).astype(np.uint8).tobytes())
