"""The reference graph, operation by operation, as TensorFlow Lite operators.

A flattened image keeps its NHWC order, and the linear layer behind it has its columns permuted instead.
"""

from __future__ import annotations

from typing import cast

from ai_edge_litert import schema_py_generated as schema

from ....core.errors import Unsupported
from ....graph.ops.op import Tflite, named
from ....graph.ops.table import OPS
from ....graph.program import Step
from ..layout import Op
from . import values
from .border import enter, leave
from .emitter import Emit, Emitter, Writing
from .windows import conv_windows


def _emitter(kind: str, row: Tflite, inputs: int) -> Emit:
    if row.write:
        return cast(Emit, named("tflite write", row.write, kind))
    code, options = getattr(Op, row.operators[0].name), getattr(schema, f"{row.options}T", None)
    if options is None:
        return values.unary(code)
    if inputs == 2:
        return values.binary(code, options)
    return values.unary(code, lambda step: options(**{b: step.attrs[a] for a, b in row.attributes.items()}))


EMIT: dict[str, Emit] = {kind: _emitter(kind, row.tflite, row.inputs) for kind, row in OPS.items()}


def emit(e: Emitter) -> tuple[int, int]:
    """All steps; the indices of the input and of the output tensor. Raises Unsupported."""
    source = enter(e)
    for step in e.reference.captured.program.steps:
        if _merged_pad(e, step):
            continue
        names = tuple(e.source_name(t) for t in step.inputs)
        integer = e.reference.runs_in_integers(step, names)
        if step.kind == "requantize" and not integer:
            e.floats[step.name] = e.read(step.inputs[0], False)  # floats pass through it: no operator
        else:
            inputs = tuple(e.read(name, integer) for name in names)
            if step.kind == "reshape":
                _note_flattening(e, step)
            values.capped(Writing(e, step, inputs, e.declare(step.name, integer), integer), EMIT[step.kind])
        if not integer and step.name in e.reference.activations:
            e.convert(step.name, to_integer=True)
    return source, leave(e)


def _merged_pad(e: Emitter, step: Step) -> bool:
    """A padding that only one convolution reads, and that makes it a SAME convolution, becomes part of it."""
    program = e.reference.captured.program
    users = program.users(step.name)
    plain = step.kind == "pad" and not set(step.attrs) - {"padding"} and step.name not in program.returned
    if not plain or len(users) != 1 or users[0].kind != "conv2d":
        return False
    _, height, width = program.shape(step.inputs[0])
    if not all(w.is_same() for w in conv_windows(e.conv(users[0]), (height, width), step.attrs["padding"])):
        return False
    e.padded[step.name] = (step.inputs[0], step.attrs["padding"])
    return True


def _note_flattening(e: Emitter, step: Step) -> None:
    """Raises Unsupported where a reshape would need the order that an NHWC image does not have."""
    program = e.reference.captured.program
    before, after = program.shape(step.inputs[0]), step.shape
    if len(before) == 3 and len(after) == 1 and before[0] > 1 and before[1] * before[2] > 1:
        others = [reader.kind for reader in program.users(step.name) if reader.kind != "linear"]
        others += ["the app, as the network's output"] if step.name in program.returned else []
        if others:
            raise Unsupported(
                f"A flattened image is read by {others[0]}, not by a linear layer; in a .tflite, whose images are"
                " NHWC, its order would change. Give --target onnxruntime, or a network with a linear layer there."
            )
        e.flattened[step.name] = before
    elif len(before) == 3 and len(after) == 3 and before != after:
        raise Unsupported(f"A reshape of an image from {before} to {after} needs a layout that NHWC has not.")
    elif len(before) == 1 and len(after) == 3 and after[0] > 1 and after[1] * after[2] > 1:
        raise Unsupported(
            f"A vector of {before[0]} numbers is seen as an image {after}; in a .tflite, whose images are NHWC, its"
            " order would change. Give a network that makes maps by convolutions, or --target onnxruntime."
        )
