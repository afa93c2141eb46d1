"""Where an .onnx meets its app: the types and the layout that a deployment asks for, converted at the border.

Inside, integers are uint8 (see lowering.py). A signed byte is the unsigned one less 128; it is moved there on
int32, for ONNX has no addition of bytes that wraps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.grid import QParams, choose_qparams
from ...core.preprocess import input_range
from ...graph.program import Program
from ...quantization.reference import Reference
from ..onnx.graph import FLOAT, FLOAT16, INT8, INT32, UINT8
from .lowering import OFFSET, Lowering

TYPES = {"float32": FLOAT, "int8": INT8, "uint8": UINT8}
NCHW_OF_NHWC = (0, 3, 1, 2)


def input_type(reference: Reference) -> str:
    """float32, int8 or uint8: of the file's input."""
    return reference.captured.deployed.input or _own_type(reference, reference.captured.program.input)


def output_type(reference: Reference) -> str:
    """Of the file's scores: what was asked for, where they are integers; else float32."""
    own = _own_type(reference, reference.captured.program.only.tensor)
    return own if own == "float32" else reference.captured.deployed.output or own


def input_layout(reference: Reference) -> str:
    return (reference.captured.deployed.layout or "nchw").upper()


def record(reference: Reference) -> dict[str, Any]:
    """For the file's metadata: {"layout"}, and what else a session must know of a border that is not the usual one.

    "input_grid" and "output_grid": (scale, zero point) of integers that no neighbouring operator explains;
    "output_scale": one step of scores that the file dequantizes itself.
    """
    out = reference.activations.get(reference.captured.program.only.tensor)
    kind, sink = input_type(reference), output_type(reference)
    found: dict[str, Any] = {"layout": input_layout(reference)}
    if kind == "int8" or (kind == "uint8" and found["layout"] == "NHWC"):
        found["input_grid"] = _grid(input_grid(reference), kind)
    if out is not None and sink == "int8":
        found["output_grid"] = _grid(out, sink)
    if out is not None and sink == "float32":
        found["output_scale"] = out.scale
    return found


def enter(lowering: Lowering, program: Program) -> None:
    """Declare the file's input, and write what makes the program's input of it."""
    reference, name = lowering.reference, program.input
    kind, shape = input_type(reference), program.input_shape
    nhwc = input_layout(reference) == "NHWC"
    lowering.graph.declare_input(name, TYPES[kind], (*shape[1:], shape[0]) if nhwc else shape)
    value = lowering.graph.node("Transpose", [name], f"{name}/t", perm=list(NCHW_OF_NHWC)) if nhwc else name
    if kind == "int8":
        value = _shifted(lowering, value, OFFSET, UINT8, f"{name}/u")
    if name in lowering.activations:
        lowering.integer[name] = value if kind != "float32" else _quantized(lowering, value, name)
    else:
        real = value if kind == "float32" else _dequantized(lowering, value, name)
        lowering.real[name] = lowering.graph.node("Cast", [real], f"{name}/h", to=FLOAT16) if lowering.half else real


def leave(lowering: Lowering, program: Program) -> None:
    """Declare the file's output, and write what makes it of the program's."""
    name, kind = program.only.tensor, output_type(lowering.reference)
    if name in lowering.integer:
        value = lowering.integer[name]
        if kind == "float32":
            scale, zero_point = lowering.qparams(lowering.activations[name])
            value = lowering.graph.node("DequantizeLinear", [value, scale, zero_point], f"{name}/r")
        elif kind == "int8":
            value = _shifted(lowering, value, -OFFSET, INT8, f"{name}/i")
    else:
        value = lowering.real[name]
        value = lowering.graph.node("Cast", [value], f"{name}/f", to=FLOAT) if lowering.half else value
    lowering.graph.declare_output(value, TYPES[kind], program.shape(name))


def input_grid(reference: Reference) -> QParams:
    """The 8-bit grid of the input: its own, or, of a float network, that of its pixels."""
    own = reference.activations.get(reference.captured.program.input)
    return own or choose_qparams(*input_range(reference.captured.inputs), 8, False)


def _own_type(reference: Reference, tensor: str) -> str:
    return "uint8" if tensor in reference.activations else "float32"


def _grid(p: QParams, kind: str) -> list[float | int]:
    return [p.scale, p.zero_point + (OFFSET if kind == "uint8" else 0)]


def _shifted(lowering: Lowering, value: str, by: int, kind: int, output: str) -> str:
    """Bytes plus `by`, as bytes of the other sign."""
    graph = lowering.graph
    wide = graph.node("Cast", [value], f"{output}/w", to=INT32)
    moved = graph.node("Add", [wide, graph.constant(np.array(by, np.int32))], f"{output}/m")
    return graph.node("Cast", [moved], output, to=kind)


def _quantized(lowering: Lowering, value: str, name: str) -> str:
    scale, zero_point = lowering.qparams(lowering.activations[name])
    return lowering.graph.node("QuantizeLinear", [value, scale, zero_point], f"{name}/q")


def _dequantized(lowering: Lowering, value: str, name: str) -> str:
    scale, zero_point = lowering.qparams(input_grid(lowering.reference))
    return lowering.graph.node("DequantizeLinear", [value, scale, zero_point], f"{name}/r")
