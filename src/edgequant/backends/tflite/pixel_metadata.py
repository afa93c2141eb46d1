"""What a .tflite of another tool says of its pixels: the NormalizationOptions of TensorFlow Lite's own metadata.

Source: tensorflow/tflite-support, metadata/metadata_schema.fbs (ModelMetadata 1.x). The metadata is a flatbuffer of its
own inside the file; read by the numbers of its fields, since no package with its schema is needed for anything else.
`mean` and `std` there are of pixels in 0..255. A file whose input is an integer takes bytes, whatever they say.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from flatbuffers.number_types import Float32Flags
from flatbuffers.table import Table

NAME = b"TFLITE_METADATA"
SUBGRAPHS, INPUTS, PROCESS_UNITS = 3, 2, 4  # fields of ModelMetadata, SubGraphMetadata and TensorMetadata
KIND, OPTIONS, NORMALIZATION = 0, 1, 1  # of ProcessUnit: which member of its union, and the member
MEAN, STD = 0, 1  # of NormalizationOptions
BYTE = 255


def pixel_metadata(model: Any) -> dict[str, Any]:
    """{"mean", "std"} of pixels / 255; empty where the file says nothing, or nothing that can be read."""
    graph = model.subgraphs[0]
    if len(graph.inputs) != 1 or graph.tensors[graph.inputs[0]].type != 0:  # 0: FLOAT32
        return {}
    for entry in model.metadata or []:
        if entry.name == NAME:
            try:
                return _normalization(bytes(model.buffers[entry.buffer].data))
            except (struct.error, ValueError, TypeError, IndexError, OverflowError):  # torn, or no metadata
                return {}
    return {}


def _normalization(data: bytes) -> dict[str, Any]:
    root = Table(data, struct.unpack_from("<I", data)[0])
    for graph in _tables(root, SUBGRAPHS)[:1]:
        for image in _tables(graph, INPUTS)[:1]:
            for unit in _tables(image, PROCESS_UNITS):
                kind = unit.Offset(4 + 2 * KIND)
                if kind and data[unit.Pos + kind] == NORMALIZATION:
                    options = Table(data, 0)
                    unit.Union(options, unit.Offset(4 + 2 * OPTIONS))
                    mean, std = _numbers(options, MEAN), _numbers(options, STD)
                    return {"mean": mean, "std": std} if mean and std else {}
    return {}


def _tables(table: Table, field: int) -> list[Table]:
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return []
    start, count = table.Vector(offset), min(table.VectorLen(offset), 64)
    return [Table(table.Bytes, table.Indirect(start + 4 * i)) for i in range(count)]


def _numbers(table: Table, field: int) -> list[float]:
    """Divided by 255, in float64."""
    offset = table.Offset(4 + 2 * field)
    if not offset:
        return []
    found = table.GetVectorAsNumpy(Float32Flags, offset)
    return [float(v) for v in np.asarray(found, np.float64) / BYTE]
