"""Where a .tflite meets its app: the types and the layout that a deployment asks for, converted at the border.

The network inside is the same whatever its border is. A byte input of a float network is dequantized by the file
itself, a float input of an integer network quantized; scores likewise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from ....core.errors import Unsupported
from ....core.grid import QParams, choose_qparams
from ....core.preprocess import input_range
from ....quantization.reference import Reference
from ..layout import Op, Options, Type, nhwc
from ..writer import Quant
from .emitter import Emitter

TYPES = {"float32": Type.FLOAT32, "int16": Type.INT16, "int8": Type.INT8, "uint8": Type.UINT8}
NHWC_OF_NCHW = (0, 2, 3, 1)


def input_type(reference: Reference) -> str:
    """float32, int8, uint8 or int16: of the file's input."""
    return reference.captured.deployed.input or _own_type(reference, reference.captured.program.input)


def output_type(reference: Reference) -> str:
    """Of the file's scores: what was asked for, where they are integers; else float32.

    Raises Unsupported where 8 bits are asked for and the recipe computes scores of 16.
    """
    own, asked = _own_type(reference, reference.captured.program.only.tensor), reference.captured.deployed.output
    if own == "int16" and asked in ("int8", "uint8"):
        raise Unsupported(
            f"{reference.recipe} computes 16-bit scores, and as {asked} they would lose what it keeps."
            ' Expected output = "float32", or none.'
        )
    return own if own == "float32" else asked or own


def input_layout(reference: Reference) -> str:
    return (reference.captured.deployed.layout or "nhwc").upper()


def enter(emitter: Emitter) -> int:
    """The file's input, and behind it the operators that make the program's input of it; its index."""
    reference, name = emitter.reference, emitter.reference.captured.program.input
    kind, inside = input_type(reference), _own_type(reference, name)
    if kind == inside and input_layout(reference) == "NHWC":
        return emitter.make(name)
    shape = reference.captured.program.input_shape
    first = _tensor(emitter, _outer(shape, input_layout(reference)), kind, _quant(reference, kind))
    images = _to_nhwc(emitter, first, shape, kind) if input_layout(reference) == "NCHW" else first
    _become(emitter, images, kind, name, inside)
    return first


def leave(emitter: Emitter) -> int:
    """The file's output, as it was asked for; its index."""
    reference, name = emitter.reference, emitter.reference.captured.program.only.tensor
    inside, kind = _own_type(reference, name), output_type(reference)
    own = emitter.final(name)
    if kind == inside:
        return own
    made = _tensor(emitter, emitter.writer.tensors[own].shape, kind, _typed(reference.activations[name], kind))
    emitter.writer.operator(_converter(kind), (own,), (made,), version=_version(inside, kind))
    return made


def border_record(reference: Reference) -> dict[str, Any]:
    """For the file's metadata: {"layout"}, and what else a session must know of a border that is not the usual one.

    "output_scale": one step of scores that the file dequantizes itself.
    """
    record: dict[str, Any] = {"layout": input_layout(reference)}
    out = reference.activations.get(reference.captured.program.only.tensor)
    if out is not None and output_type(reference) == "float32":
        record["output_scale"] = out.scale
    return record


def pixel_grid(reference: Reference) -> QParams:
    """The 8-bit grid of the input: on raw pixels, each integer is a byte less 128."""
    return choose_qparams(*input_range(reference.captured.inputs), 8, False)


def _tensor(emitter: Emitter, shape: tuple[int, ...], kind: str, quant: Quant | None) -> int:
    index = emitter.writer.tensor(shape, TYPES[kind], quant)
    emitter.border.add(index)
    return index


def _own_type(reference: Reference, tensor: str) -> str:
    known = reference.activations.get(tensor)
    return "float32" if known is None else "int16" if known.bits > 8 else "int8"


def _typed(p: QParams, kind: str) -> Quant | None:
    """An unsigned byte is the signed one plus 128."""
    if kind == "float32":
        return None
    return Quant((p.scale,), (p.zero_point + (128 if kind == "uint8" else 0),))


def _quant(reference: Reference, kind: str) -> Quant | None:
    """What the integers of the file's input mean."""
    name = reference.captured.program.input
    own = reference.activations.get(name)
    fits = own is not None and (own.bits == 8 or kind == "int16")
    return _typed(reference.activations[name] if fits else pixel_grid(reference), kind)


def _outer(shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    return nhwc(shape) if layout == "NHWC" else (1, *shape)


def _to_nhwc(emitter: Emitter, source: int, shape: tuple[int, ...], kind: str) -> int:
    permutation = emitter.integers_of(np.array(NHWC_OF_NCHW, np.int32), Type.INT32)
    made = _tensor(emitter, nhwc(shape), kind, _quant(emitter.reference, kind))
    options = schema.TransposeOptionsT()
    version = 1 if kind in ("float32", "uint8") else 2
    emitter.writer.operator(Op.TRANSPOSE, (source, permutation), (made,), Options.TransposeOptions, options, version)
    return made


def _become(emitter: Emitter, source: int, kind: str, name: str, inside: str) -> None:
    """`source` becomes the tensor `name`; bytes become 16-bit integers by way of floats, for want of a kernel."""
    if kind == inside:
        (emitter.floats if inside == "float32" else emitter.integers)[name] = source
        return
    if inside == "int16" and kind != "float32":
        middle = emitter.declare(name, False)
        emitter.border.add(middle)
        emitter.writer.operator(Op.DEQUANTIZE, (source,), (middle,), version=_version(kind, "float32"))
        source, kind = middle, "float32"
    made = emitter.declare(name, inside != "float32")
    emitter.writer.operator(_converter(inside), (source,), (made,), version=_version(kind, inside))


def _converter(target: str) -> int:
    return int(Op.DEQUANTIZE if target == "float32" else Op.QUANTIZE)


def _version(source: str, target: str) -> int:
    """From TensorFlow's op_version.cc: DEQUANTIZE is 3 of int16 and 2 of int8; QUANTIZE 2 to int16."""
    if target == "float32":
        return {"int16": 3, "int8": 2}.get(source, 1)
    return 2 if target == "int16" else 1
