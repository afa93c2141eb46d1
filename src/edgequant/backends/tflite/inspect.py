"""What is in a .tflite: each tensor's type, bits and bytes, and where the bytes of the file go."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ...core.errors import BadFile
from ...core.foreign import reads
from ..contract import Ending
from .pixel_metadata import pixel_metadata

TYPES = {v: k.lower() for k, v in vars(schema.TensorType).items() if not k.startswith("_")}
OPERATORS = {v: k for k, v in vars(schema.BuiltinOperator).items() if not k.startswith("_")}
CONVERSIONS = {"DEQUANTIZE", "QUANTIZE", "RESHAPE"}
ENDINGS: dict[str, Ending] = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}
BITS = {"int2": 2, "int4": 4, "int8": 8, "uint8": 8, "bool": 8, "int16": 16, "float16": 16, "float64": 64, "int64": 64}


def read_model(path: Path) -> Any:
    """The flatbuffer as the schema's objects. Raises BadFile."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}. Give the path of a .tflite file.") from error
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise BadFile(f"{path} is not a .tflite file (no TFL3 mark). Give a file that LiteRT can open.")
    try:
        return schema.ModelT.InitFromPackedBuf(data, 0)
    except Exception as error:  # a torn flatbuffer can fail in any way at all
        raise BadFile(
            f"{path} is a damaged .tflite: {error or type(error).__name__}. Fetch or make it again."
        ) from error


@reads("a .tflite")
def inspect(path: Path) -> dict[str, Any]:
    """{"tensors", "operators", "bytes", "metadata"}; the bytes of tensors that share a buffer count once."""
    model = read_model(path)
    graph, names = model.subgraphs[0], sidecar(path)
    seen: set[int] = set()
    tensors = [_tensor(model, t, names.get(i, ""), seen) for i, t in enumerate(graph.tensors)]
    codes = [_operator(max(c.builtinCode, c.deprecatedBuiltinCode)) for c in model.operatorCodes]
    total = path.stat().st_size
    weights = sum(t["bytes"] for t in tensors if t["role"] == "weight")
    biases = sum(t["bytes"] for t in tensors if t["role"] == "bias")
    parameters = _parameter_bytes(graph)
    return {
        "tensors": tensors,
        "operators": dict(Counter(codes[o.opcodeIndex] for o in graph.operators)),
        "bytes": {
            "weights": weights,
            "biases": biases,
            "quantization parameters": parameters,
            "graph and names": total - weights - biases - parameters,
            "total": total,
        },
        "metadata": metadata(model),
    }


def _operator(code: int) -> str:
    """By name; files from before 2020 have the code in the deprecated field only."""
    return str(OPERATORS.get(code, code))


@reads("a .tflite with its names beside it")
def sidecar(path: Path) -> dict[int, str]:
    """Tensor index -> name, from the map that lies beside a slim file."""
    beside = path.with_suffix(".names.json")
    if not beside.exists():
        return {}
    return {int(k): str(v) for k, v in json.loads(beside.read_text()).items()}


@reads("a .tflite")
def file_metadata(path: Path) -> dict[str, Any]:
    """`metadata` of a file, without unpacking the rest of it; empty for what is no .tflite."""
    data = path.read_bytes()
    if len(data) < 8 or data[4:8] != b"TFL3":
        return {}
    model = schema.Model.GetRootAs(data, 0)
    for entry in (model.Metadata(i) for i in range(model.MetadataLength())):
        if entry.Name() == b"edgequant":
            found = json.loads(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
            return found if isinstance(found, dict) else {}
    return {}


def metadata(model: Any) -> dict[str, Any]:
    """The record that edgequant left in the file; of another tool's, what it says of its pixels, if it does."""
    for entry in model.metadata or []:
        if entry.name == b"edgequant":
            found = json.loads(bytes(model.buffers[entry.buffer].data))
            return found if isinstance(found, dict) else {}
    return pixel_metadata(model)


@reads("a file of a network")
def ending(path: Path) -> Ending:
    """The last operator but conversions, where it is a SOFTMAX or a LOGISTIC. Raises BadFile."""
    model = read_model(path)
    graph = model.subgraphs[0]
    names = [_operator(max(c.builtinCode, c.deprecatedBuiltinCode)) for c in model.operatorCodes]
    makers = {int(o.outputs[0]): (names[o.opcodeIndex], int(o.inputs[0])) for o in graph.operators if len(o.inputs)}
    kind, source = makers.get(int(graph.outputs[0]), ("", -1))
    while kind in CONVERSIONS:
        kind, source = makers.get(source, ("", -1))
    return ENDINGS.get(kind, "")


def _tensor(model: Any, tensor: Any, name: str, seen: set[int]) -> dict[str, Any]:
    kind = TYPES.get(tensor.type, str(tensor.type))
    shape = [int(d) for d in (tensor.shape if tensor.shape is not None else [])]
    data = model.buffers[tensor.buffer].data
    size = 0 if data is None or tensor.buffer in seen else len(data)
    seen.add(tensor.buffer)
    quant = tensor.quantization
    scales = 0 if quant is None or quant.scale is None else len(quant.scale)
    role = "activation" if data is None else "bias" if len(shape) == 1 else "weight"
    return {
        "name": name or (tensor.name or b"").decode(errors="replace"),
        "type": kind,
        "bits": BITS.get(kind, 32),
        "shape": shape,
        "values": int(np.prod(shape)) if shape else 1,
        "bytes": size,
        "scales": scales,
        "role": role,
    }


def _parameter_bytes(graph: Any) -> int:
    """Scales and zero points, equal vectors once (as a slim file stores them)."""
    vectors = {}
    for tensor in graph.tensors:
        quant = tensor.quantization
        if quant is not None and quant.scale is not None:
            vectors["s", np.asarray(quant.scale, np.float32).tobytes()] = 4 * len(quant.scale)
            vectors["z", np.asarray(quant.zeroPoint, np.int64).tobytes()] = 8 * len(quant.zeroPoint)
    return sum(vectors.values())
