"""A file's constants as torch weights: the integers with their scales, and the floats these stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ....core.arrays import Array
from ....core.errors import Unsupported
from ....core.grid import WeightQ, quantize_bias
from ..graph import FileGraph, FileOperator, FileTensor

Style = Literal["float32", "float16", "direct", "dequantized"]  # how the operator gets at the constant
Layout = Callable[[torch.Tensor], torch.Tensor]
NUMPY = {"float32": np.float32, "float16": np.float16, "int8": np.int8, "int32": np.int32, "int64": np.int64}


@dataclass(frozen=True)
class Weight:
    """A layer's weight in torch's layout. `q` is None where the file stores floats."""

    value: torch.Tensor  # (O, ...) float32: the stored floats, or integers times scale
    q: WeightQ | None
    style: Style


def values_of(graph: FileGraph, operator: FileOperator, tensor: FileTensor) -> Array:
    """The content of a constant in its shape; 4-bit integers as int8. Raises BadFile."""
    if tensor.data is None:
        graph.refuse(operator, f"takes the tensor {tensor.name or tensor.index} where a constant was expected")
    count = int(np.prod(tensor.shape))
    raw = unpack_int4(tensor.data, count) if tensor.type == "int4" else tensor.data
    kind = np.int8 if tensor.type == "int4" else NUMPY.get(tensor.type)
    if kind is None:
        graph.refuse(operator, f"has a constant of type {tensor.type}")
    if len(raw.tobytes()) != count * np.dtype(kind).itemsize:
        graph.refuse(operator, f"has a constant of {len(tensor.data)} bytes for the shape {tensor.shape}")
    return np.frombuffer(raw.tobytes(), kind).reshape(tensor.shape)


def unpack_int4(data: Array, count: int) -> Array:
    """(count,) int8 from two's complement nibbles, the first value in the low one."""
    both = np.stack([data & 0xF, data >> 4], axis=1).reshape(-1)[:count].astype(np.int8)
    return np.where(both > 7, both - 16, both).astype(np.int8)


def read_weight(
    graph: FileGraph, operator: FileOperator, tensor: FileTensor, style: Style, layout: Layout, axis: int
) -> Weight:
    """`axis` is the dimension of the output channels in the file's layout. Raises BadFile."""
    values = values_of(graph, operator, tensor)
    if tensor.type in ("float32", "float16"):
        return Weight(layout(torch.from_numpy(values.astype(np.float32))), None, style)
    if tensor.type not in ("int8", "int4") or not len(tensor.scale):
        graph.refuse(operator, f"has weights of type {tensor.type} with {len(tensor.scale)} scales")
    if tensor.zero_point.any():
        graph.refuse(operator, "has weights with a zero point other than 0")
    if len(tensor.scale) not in (1, tensor.shape[axis]) or (len(tensor.scale) > 1 and tensor.axis != axis):
        graph.refuse(operator, f"has {len(tensor.scale)} weight scales along dimension {tensor.axis}")
    q, scale = layout(torch.from_numpy(values.copy())).contiguous(), torch.from_numpy(tensor.scale.copy())
    stored = WeightQ(q, scale, 4 if tensor.type == "int4" else 8)
    return Weight(q.float() * scale.view(-1, *[1] * (q.dim() - 1)), stored, style)


def read_bias(
    graph: FileGraph, operator: FileOperator, tensor: FileTensor, source: FileTensor, weight: Weight
) -> torch.Tensor:
    """(O,) float32; of integers, the floats from which `quantize_bias` makes these very integers. Raises BadFile."""
    values = values_of(graph, operator, tensor)
    if values.shape != weight.value.shape[:1]:
        graph.refuse(operator, f"has biases of the shape {values.shape} for {len(weight.value)} channels")
    if tensor.type in ("float32", "float16"):
        return torch.from_numpy(values.astype(np.float32))
    wide = source.type == "int16"
    if weight.q is None or tensor.type != ("int64" if wide else "int32"):
        graph.refuse(operator, f"has a bias of type {tensor.type} behind {source.type} activations")
    stored = torch.from_numpy(values.astype(np.int64))
    scale = weight.q.scale.double() * float(source.scale[0])
    bias = (stored.double() * scale).float()
    if not _gives_back(bias, stored, float(source.scale[0]), weight.q, 64 if wide else 32):
        graph.refuse(operator, "has a bias that float32 cannot hold on the grid of its input and weights")
    return bias


def _gives_back(bias: torch.Tensor, stored: torch.Tensor, source: float, weight: WeightQ, bits: int) -> bool:
    try:
        return bool(torch.equal(quantize_bias(bias, source, weight.scale, bits), stored))
    except Unsupported:
        return False
