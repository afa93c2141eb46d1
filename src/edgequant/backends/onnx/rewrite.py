"""The program as ONNX says it best: the same values, other steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...core.grid import QParams
from ...graph.program import Program, Step


def rewrite(program: Program, activations: Mapping[str, QParams]) -> tuple[Program, dict[str, QParams]]:
    """The steps to emit, and the parameters of the tensors they make."""
    plain = without_requantizations(program, activations)
    return split_means(merge_paddings(plain, activations), activations)


def without_requantizations(program: Program, activations: Mapping[str, QParams]) -> Program:
    """ONNX concatenates tensors of any grids, and rounds them to that of the result.

    That is what the requantization does. Written as two pairs of Quantize and Dequantize, ONNX Runtime would make one
    of them, with a scale of its own (core/optimizer/double_qdq_pairs_remover.cc).
    """
    dropped = {
        s.name: s.inputs[0] for s in program.steps if s.kind == "requantize" and _rounds(s, program, activations)
    }
    steps = [replace(s, inputs=tuple(dropped.get(t, t) for t in s.inputs)) for s in program.steps]
    return replace(program, steps=tuple(s for s in steps if s.name not in dropped))


def _rounds(step: Step, program: Program, activations: Mapping[str, QParams]) -> bool:
    """Whether its one reader rounds to the same grid, or neither of them rounds."""
    reader = program.users(step.name)[0]
    return reader.kind == "cat" and activations.get(reader.name) == activations.get(step.name)


def merge_paddings(program: Program, activations: Mapping[str, QParams]) -> Program:
    """A padding that only one convolution reads becomes that convolution's; ONNX has one for each side.

    The convolution then has the attribute "padding", (left, right, top, bottom), on top of its layer's.
    """
    merged = {s.name: s for s in program.steps if s.kind == "pad" and _mergeable(s, program, activations)}
    steps = [_with_padding(s, merged) for s in program.steps if s.name not in merged]
    return replace(program, steps=tuple(steps))


def _mergeable(pad: Step, program: Program, activations: Mapping[str, QParams]) -> bool:
    users = program.users(pad.name)
    zeros = not set(pad.attrs) - {"padding"}
    alone = zeros and len(users) == 1 and users[0].kind == "conv2d" and pad.name not in program.returned
    return alone and activations.get(pad.name) == activations.get(pad.inputs[0])


def _with_padding(step: Step, merged: Mapping[str, Step]) -> Step:
    if step.kind != "conv2d" or step.inputs[0] not in merged:
        return step
    pad = merged[step.inputs[0]]
    return replace(step, inputs=pad.inputs, attrs={**step.attrs, "padding": pad.attrs["padding"]})


def split_means(program: Program, activations: Mapping[str, QParams]) -> tuple[Program, dict[str, QParams]]:
    """A mean without kept dimensions becomes GlobalAveragePool and Reshape, which both have integer forms."""
    steps: list[Step] = []
    parameters = dict(activations)
    for step in program.steps:
        if step.kind == "mean" and not step.attrs["keepdim"]:
            pooled = replace(step, name=f"{step.name}/k", shape=(*step.shape, 1, 1), attrs={"keepdim": True})
            steps += [pooled, Step(step.name, "reshape", (pooled.name,), step.shape, {"shape": step.shape}, step.layer)]
            if step.name in parameters:
                parameters[pooled.name] = parameters[step.name]
        else:
            steps.append(step)
    return replace(program, steps=tuple(steps)), parameters
