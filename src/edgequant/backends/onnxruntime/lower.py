"""The reference graph as an ONNX model: floats, QDQ, or dynamically quantized layers."""

from __future__ import annotations

from collections.abc import Iterable

import onnx

from ...core.errors import Unsupported
from ...quantization.reference import Reference
from ..onnx import graph as onnx_graph
from ..onnx.rewrite import rewrite
from .border import enter, leave, record
from .lowering import Lowering


def lower(reference: Reference) -> onnx.ModelProto:
    """The whole model. Raises Unsupported where ONNX Runtime has no way to hold a parameter."""
    _check(reference)
    program, activations = rewrite(reference.captured.program, reference.activations)
    lowering = Lowering(reference, activations)
    enter(lowering, program)
    for step in program.steps:
        lowering.write(step)
    leave(lowering, program)
    return lowering.graph.model(onnx_graph.metadata(reference, record(reference)))


def _check(reference: Reference) -> None:
    """Raises Unsupported for widths that capability does not list; resolving a recipe should have refused them."""
    _refuse("activations", {q.bits for q in reference.activations.values()} - {8}, "8")
    known = {8} if reference.kind == "dynamic" else {4, 8}
    allowed = " or ".join(map(str, sorted(known)))
    _refuse(f"{reference.kind} weights", {w.bits for w in reference.weights.values()} - known, allowed)


def _refuse(what: str, bits: Iterable[int], allowed: str) -> None:
    for width in sorted(bits):
        raise Unsupported(f"ONNX Runtime has no {width}-bit {what} on a CPU. Use {allowed} bits.")
