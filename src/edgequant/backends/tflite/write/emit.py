"""The reference graph, operation by operation, as TensorFlow Lite operators.

Images are NHWC there, so a tensor `(C, H, W)` becomes `[1, H, W, C]`. A flattened image keeps its
NHWC order and the linear layer behind it has its columns permuted instead.
"""

from __future__ import annotations

from ....core.errors import Unsupported
from ....graph.program import Step
from .border import enter, leave
from .emitter import Emitter
from .layers import EMIT
from .values import between, cap, needs_cap
from .windows import conv_windows


def emit(e: Emitter) -> tuple[int, int]:
    """All steps; the indices of the input and of the output tensor. Raises Unsupported."""
    source = enter(e)
    for step in e.reference.captured.program.steps:
        if _merged_pad(e, step):
            continue
        integer = e.reference.runs_in_integers(step, tuple(e.source_name(t) for t in step.inputs))
        if step.kind == "requantize" and not integer:
            e.floats[step.name] = e.read(step.inputs[0], False)  # floats pass through it: no operator
        else:
            _write(e, step, integer)
        if not integer and step.name in e.reference.activations:
            e.convert(step.name, to_integer=True)
    return source, leave(e)


def _write(e: Emitter, step: Step, integer: bool) -> None:
    inputs = [e.read(e.source_name(t), integer) for t in step.inputs]
    if step.kind == "reshape":
        _note_flattening(e, step)
    output = e.declare(step.name, integer)
    if not needs_cap(e, step, integer):
        EMIT[step.kind](e, step, inputs, output, integer)
        return
    uncapped = between(e, output, e.writer.tensors[output].shape, f"{step.name}.uncapped")
    EMIT[step.kind](e, step, inputs, uncapped, integer)
    cap(e, step, uncapped, output, integer)


def _merged_pad(e: Emitter, step: Step) -> bool:
    """A padding that only one convolution reads, and that makes it a SAME convolution, becomes part of it."""
    program = e.reference.captured.program
    users = program.users(step.name)
    plain = step.kind == "pad" and not set(step.attrs) - {"padding"} and step.name not in program.returned
    if not plain or len(users) != 1 or users[0].kind != "conv2d":
        return False
    size = program.shape(step.inputs[0])[1:]
    windows = conv_windows(e.conv(users[0]), (size[0], size[1]), step.attrs["padding"])
    if not all(w.is_same() for w in windows):
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
