"""Where a .tflite meets its app: the types and the layout that a deployment asks for, converted at the border.

The network inside is the same whatever its border is. A byte input of a float network is dequantized by the file
itself, a float input of an integer network quantized; scores likewise.
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from ....core.errors import Unsupported
from ....core.grid import QParams, choose_qparams
from ....core.image import Deployment, own_type
from ....core.preprocess import input_range
from ....quantization.reference import Reference
from ..layout import Op, Type, nhwc
from ..writer import Quant
from .emitter import Emitter

TYPES = {"float32": Type.FLOAT32, "int16": Type.INT16, "int8": Type.INT8, "uint8": Type.UINT8}
NHWC_OF_NCHW = (0, 2, 3, 1)


def border_record(reference: Reference) -> dict[str, Any]:
    """For the file's metadata: {"layout"}, and what else a session must know of a border that is not the usual one.

    "output_scale": one step of scores that the file dequantizes itself.
    """
    met, out = _border(reference), reference.activations.get(reference.captured.program.only.tensor)
    record: dict[str, Any] = {"layout": met.layout.upper()}
    return record if out is None or met.output != "float32" else record | {"output_scale": out.scale}


def enter(e: Emitter) -> int:
    """The file's input, and behind it the operators that make the program's input of it; its index.

    Bytes become 16-bit integers by way of floats, for want of a kernel.
    """
    program, met = e.reference.captured.program, _border(e.reference)
    name, kind = program.input, met.input
    inside, quant = _own_type(e.reference, name), _input_quant(e.reference, kind)
    if kind == inside and met.layout == "nhwc":
        return e.declare(name, inside != "float32")
    images = nhwc(program.input_shape)
    first = source = _tensor(e, images if met.layout == "nhwc" else (1, *program.input_shape), kind, quant)
    if met.layout == "nchw":
        order, source = e.constant(NHWC_OF_NCHW), _tensor(e, images, kind, quant)
        version = 1 if kind in ("float32", "uint8") else 2
        e.writer.operator(Op.TRANSPOSE, (first, order), (source,), schema.TransposeOptionsT(), version)
    if kind == inside:
        (e.floats if inside == "float32" else e.integers)[name] = source
        return first
    if inside == "int16" and kind != "float32":
        middle = e.declare(name, False)
        e.border.add(middle)
        _convert(e, source, middle, (kind, "float32"))
        source, kind = middle, "float32"
    _convert(e, source, e.declare(name, inside != "float32"), (kind, inside))
    return first


def leave(e: Emitter) -> int:
    """The file's output, as it was asked for; its index.

    Raises Unsupported where 8 bits are asked for and the recipe computes scores of 16.
    """
    name, kind = e.reference.captured.program.only.tensor, _border(e.reference).output
    own, inside = e.final(name), _own_type(e.reference, name)
    if inside == "int16" and kind in ("int8", "uint8"):
        raise Unsupported(
            f"{e.reference.recipe} computes 16-bit scores, and as {kind} they would lose what it keeps."
            ' Expected output = "float32", or none.'
        )
    if kind == inside:
        return own
    made = _tensor(e, e.writer.tensors[own].shape, kind, _quant(e.reference.activations[name], kind))
    _convert(e, own, made, (inside, kind))
    return made


def pixel_grid(reference: Reference) -> QParams:
    """The 8-bit grid of the input: on raw pixels, each integer is a byte less 128."""
    return choose_qparams(*input_range(reference.captured.inputs), 8, False)


def _border(reference: Reference) -> Deployment:
    program = reference.captured.program
    source, sink = _own_type(reference, program.input), _own_type(reference, program.only.tensor)
    return reference.captured.deployed.settled(source, sink, "nhwc")


def _own_type(reference: Reference, tensor: str) -> str:
    known = reference.activations.get(tensor)
    return own_type(None if known is None else known.bits, "int8")


def _tensor(e: Emitter, shape: tuple[int, ...], kind: str, quant: Quant | None) -> int:
    index = e.writer.tensor(shape, TYPES[kind], quant)
    e.border.add(index)
    return index


def _input_quant(reference: Reference, kind: str) -> Quant | None:
    """What the integers of the file's input mean."""
    own = reference.activations.get(reference.captured.program.input)
    fits = own is not None and (own.bits == 8 or kind == "int16")
    return _quant(own if own is not None and fits else pixel_grid(reference), kind)


def _quant(p: QParams, kind: str) -> Quant | None:
    """An unsigned byte is the signed one plus 128."""
    if kind == "float32":
        return None
    return Quant((p.scale,), (p.zero_point + (128 if kind == "uint8" else 0),))


def _convert(e: Emitter, source: int, made: int, types: tuple[str, str]) -> None:
    """From TensorFlow's op_version.cc: DEQUANTIZE is 3 of int16 and 2 of int8; QUANTIZE 2 to int16."""
    before, after = types
    if after == "float32":
        e.writer.operator(Op.DEQUANTIZE, (source,), (made,), version={"int16": 3, "int8": 2}.get(before, 1))
    else:
        e.writer.operator(Op.QUANTIZE, (source,), (made,), version=2 if after == "int16" else 1)
