"""What is in an .onnx file, and where its bytes go. Any file, not only ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from ...core.errors import BadFile
from ...core.foreign import reads
from ..contract import Ending

FREE = {"DequantizeLinear", "Cast", "Transpose", "Identity"}  # the role of what they read is that of what they make
CONVERSIONS = {"QuantizeLinear", "DequantizeLinear", "Cast", "Reshape", "Flatten", "Clip"}
ENDINGS: dict[str, Ending] = {"Softmax": "softmax", "Sigmoid": "sigmoid"}
# (operator, input position) -> what a constant there is
ROLES = {
    **{(kind, 1): "weights" for kind in ("Conv", "ConvInteger", "Gemm", "MatMul", "MatMulInteger")},
    **{(kind, position): "biases" for kind in ("Conv", "Gemm") for position in (2,)},
    **{(kind, position): "parameters" for kind in ("ConvInteger", "MatMulInteger") for position in (2, 3)},
    **{(kind, position): "parameters" for kind in ("QuantizeLinear", "DequantizeLinear") for position in (1, 2)},
    **{("QLinearConv", position): "parameters" for position in (1, 2, 4, 5, 6, 7)},
    ("QLinearConv", 3): "weights",
    ("QLinearConv", 8): "biases",
    ("Add", 0): "biases",
    ("Add", 1): "biases",
    ("Mul", 0): "parameters",
    ("Mul", 1): "parameters",
}


def read(path: Path) -> onnx.ModelProto:
    """Raises BadFile where there is no model in the file."""
    if not path.is_file():
        raise BadFile(f"There is no file {path}. Give an .onnx file.")
    try:
        model = onnx.load_model(str(path))
    except Exception as error:  # protobuf's errors have no common public base
        raise BadFile(
            f"{path} is not an ONNX model, or it is cut short: {first_line(error)}. Write it again."
        ) from error
    if not model.graph.node:
        raise BadFile(f"{path} holds no ONNX graph. Give an .onnx file.")
    return model


def first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200].rstrip(
        "."
    )


@reads("an ONNX model")
def inspect(path: Path) -> dict[str, Any]:
    """{"tensors", "operators", "bytes", "metadata"}; bytes sum to the file's. Raises BadFile."""
    model = read(path)
    roles = constant_roles(model.graph)
    tensors = [_tensor(constant, roles[constant.name]) for constant in model.graph.initializer]
    return {
        "tensors": [*_borders(model.graph), *tensors],
        "operators": dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
        "bytes": _bytes(model, tensors, path.stat().st_size),
        "metadata": metadata(model),
    }


def metadata(model: onnx.ModelProto) -> dict[str, Any]:
    """What edgequant wrote, decoded; any other keys as they are."""
    pairs = {entry.key: entry.value for entry in model.metadata_props}
    try:
        own = json.loads(pairs.pop("edgequant", "{}"))
    except (ValueError, RecursionError) as error:
        raise BadFile(f"The file's 'edgequant' metadata is not JSON: {first_line(error)}. Write it again.") from error
    return {**pairs, **(own if isinstance(own, dict) else {})}


@reads("a file of a network")
def ending(path: Path) -> Ending:
    """The last node but conversions, where it is a Softmax or a Sigmoid. Raises BadFile."""
    graph = read(path).graph
    makers = {n.output[0]: (n.op_type, n.input[0]) for n in graph.node if n.input}
    kind, source = makers.get(graph.output[0].name, ("", ""))
    while kind in CONVERSIONS:
        kind, source = makers.get(source, ("", ""))
    return ENDINGS.get(kind, "")


def constant_roles(graph: onnx.GraphProto) -> dict[str, str]:
    """Constant -> "weights", "biases", "parameters" (of quantization) or "graph" (shapes, bounds)."""
    readers: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, position))
    return {c.name: next(_roles(c.name, readers), "graph") for c in graph.initializer}


def _roles(name: str, readers: dict[str, list[tuple[onnx.NodeProto, int]]]) -> Iterator[str]:
    for node, position in readers.get(name, ()):
        if node.op_type in FREE and position == 0:
            yield from _roles(node.output[0], readers)
        elif (node.op_type, position) in ROLES:
            yield ROLES[node.op_type, position]


def _tensor(constant: onnx.TensorProto, role: str) -> dict[str, Any]:
    kind, bits = _type(constant.data_type)
    return {
        "name": constant.name,
        "type": kind,
        "bits": bits,
        "shape": list(constant.dims),
        "bytes": constant.ByteSize(),
        "role": role,
    }


def _borders(graph: onnx.GraphProto) -> Iterator[dict[str, Any]]:
    """The file's inputs and outputs; they take no bytes of their own to speak of."""
    constants = {constant.name for constant in graph.initializer}
    for role, values in (("input", graph.input), ("output", graph.output)):
        for value in values:
            if value.name not in constants:
                tensor = value.type.tensor_type
                kind, bits = _type(tensor.elem_type)
                shape = [d.dim_param or d.dim_value for d in tensor.shape.dim]
                yield {"name": value.name, "type": kind, "bits": bits, "shape": shape, "bytes": 0, "role": role}


def _type(kind: int) -> tuple[str, int]:
    """(name, bits of one element)."""
    name = onnx.TensorProto.DataType.Name(kind).lower()
    widths = {"float": 32, "double": 64, "bool": 8, "complex64": 64, "complex128": 128, "string": 0}
    digits = "".join(c for c in name.split("e")[0] if c.isdigit())
    return {"float": "float32", "double": "float64"}.get(name, name), widths.get(name) or int(digits or 0)


def _bytes(model: onnx.ModelProto, tensors: list[dict[str, Any]], total: int) -> dict[str, int]:
    sizes = {
        role: sum(t["bytes"] for t in tensors if t["role"] == role) for role in ("weights", "biases", "parameters")
    }
    described = sum(entry.ByteSize() for entry in model.metadata_props)
    return {
        "weights": sizes["weights"],
        "biases": sizes["biases"],
        "quantization parameters": sizes["parameters"],
        "graph": total - sum(sizes.values()) - described,
        "metadata": described,
        "total": total,
    }
