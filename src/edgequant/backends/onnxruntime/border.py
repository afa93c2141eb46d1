"""Where an .onnx meets its app: the types and the layout that a deployment asks for, converted at the border.

Inside, integers are uint8 (see lowering.py). A signed byte is the unsigned one less 128; it is moved there on
int32, for ONNX has no addition of bytes that wraps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.grid import QParams, choose_qparams
from ...core.image import Deployment, own_type
from ...core.preprocess import input_range
from ...graph.program import Program
from ...quantization.reference import Reference
from ..onnx.graph import FLOAT, FLOAT16, INT8, INT32, OFFSET, UINT8, OnnxGraph
from .lowering import Lowering

TYPES = {"float32": FLOAT, "int8": INT8, "uint8": UINT8}
NCHW_OF_NHWC = (0, 3, 1, 2)


def border(reference: Reference) -> Deployment:
    """The file's types and layout, with nothing left empty."""
    program, known = reference.captured.program, reference.activations
    source, sink = (own_type(8 if t in known else None, "uint8") for t in (program.input, program.only.tensor))
    return reference.captured.deployed.settled(source, sink, "nchw")


def record(reference: Reference) -> dict[str, Any]:
    """For the file's metadata: {"layout"}, and what else a session must know of a border that is not the usual one.

    "input_grid" and "output_grid": (scale, zero point) of integers that no neighbouring operator explains;
    "output_scale": one step of scores that the file dequantizes itself.
    """
    met, out = border(reference), reference.activations.get(reference.captured.program.only.tensor)
    found: dict[str, Any] = {"layout": met.layout.upper()}
    if met.input == "int8" or (met.input == "uint8" and met.layout == "nhwc"):
        grid = input_grid(reference)
        found["input_grid"] = [grid.scale, grid.zero_point + (OFFSET if met.input == "uint8" else 0)]
    if out is not None and met.output == "int8":
        found["output_grid"] = [out.scale, out.zero_point]
    if out is not None and met.output == "float32":
        found["output_scale"] = out.scale
    return found


def enter(lowering: Lowering, program: Program) -> None:
    """Declare the file's input, and write what makes the program's input of it."""
    graph, met, name, shape = lowering.graph, border(lowering.reference), program.input, program.input_shape
    nhwc = met.layout == "nhwc"
    graph.declare_input(name, TYPES[met.input], (*shape[1:], shape[0]) if nhwc else shape)
    value = graph.node("Transpose", [name], f"{name}/t", perm=list(NCHW_OF_NHWC)) if nhwc else name
    if met.input == "int8":
        value = _shifted(graph, value, OFFSET, f"{name}/u")
    if name in lowering.activations:
        grid = lowering.qparams(lowering.activations[name])
        quantizes = met.input == "float32"
        lowering.integer[name] = graph.node("QuantizeLinear", [value, *grid], f"{name}/q") if quantizes else value
        return
    if met.input != "float32":
        value = graph.node("DequantizeLinear", [value, *lowering.qparams(input_grid(lowering.reference))], f"{name}/r")
    lowering.real[name] = graph.node("Cast", [value], f"{name}/h", to=FLOAT16) if lowering.half else value


def leave(lowering: Lowering, program: Program) -> None:
    """Declare the file's output, and write what makes it of the program's."""
    graph, name, kind = lowering.graph, program.only.tensor, border(lowering.reference).output
    if name not in lowering.integer:
        value = lowering.real[name]
        value = graph.node("Cast", [value], f"{name}/f", to=FLOAT) if lowering.half else value
    elif kind == "float32":
        grid = lowering.qparams(lowering.activations[name])
        value = graph.node("DequantizeLinear", [lowering.integer[name], *grid], f"{name}/r")
    elif kind == "int8":
        value = _shifted(graph, lowering.integer[name], -OFFSET, f"{name}/i")
    else:
        value = lowering.integer[name]
    graph.declare_output(value, TYPES[kind], program.shape(name))


def input_grid(reference: Reference) -> QParams:
    """The 8-bit grid of the input: its own, or, of a float network, that of its pixels."""
    own = reference.activations.get(reference.captured.program.input)
    return own or choose_qparams(*input_range(reference.captured.inputs), 8, False)


def _shifted(graph: OnnxGraph, value: str, by: int, output: str) -> str:
    """Bytes plus `by`, as bytes of the other sign."""
    wide = graph.node("Cast", [value], f"{output}/w", to=INT32)
    moved = graph.node("Add", [wide, graph.constant(np.array(by, np.int32))], f"{output}/m")
    return graph.node("Cast", [moved], output, to=UINT8 if by > 0 else INT8)
