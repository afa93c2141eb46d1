"""No runtime and no file: any bit width, computed by the integer executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ..core.errors import Unsupported
from ..recipe.scheme import Capability
from ..store.artifact import Artifact
from .contract import AbstractBackend, AbstractSession, Ending, Entry

if TYPE_CHECKING:
    from ..graph.program import Step
    from ..quantization.reference import Reference
    from ..quantization.simulation.arithmetic import Arithmetic, Pick


@final
@dataclass(frozen=True)
class Simulation(AbstractBackend):
    """What a network would answer at a bit width that no kernel has, on real integers.

    A step whose tensors have at most 8 bits follows XNNPACK (scaled in float32), one at 16 bits LiteRT's 16x8
    kernels, any other width float64 rounded once. So w8a8 gives what LiteRT answers where XNNPACK runs the file.
    The size is an estimate (`quantize.size`); there is no latency, no memory and no parity to measure.
    """

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "float16", "weight-only", "static"}),
        weight_bits=frozenset(range(2, 9)),
        activation_bits=frozenset(range(2, 17)),
        notes={"dynamic": "the scales of activations are made by a runtime, and it has none. Use litert"},
    )

    def lower(self, reference: Reference, path: Path) -> Artifact:  # noqa: ARG002
        raise _no_file("writes no file")

    def arithmetic(self, reference: Reference, path: Path) -> Pick:  # noqa: ARG002
        return lambda step: arithmetic_of(reference, step)

    def open(self, path: Path, threads: int = 1) -> AbstractSession:  # noqa: ARG002
        raise _no_file("opens no file")

    def inspect(self, path: Path) -> Mapping[str, Any]:  # noqa: ARG002
        raise _no_file("has no file to inspect")

    def entry(self, path: Path) -> Entry:  # noqa: ARG002
        raise _no_file("opens no file")

    def ending(self, path: Path) -> Ending:  # noqa: ARG002
        raise _no_file("opens no file")


def arithmetic_of(reference: Reference, step: Step) -> Arithmetic:
    """By the widths of the tensors that a step reads and makes."""
    from ..quantization.simulation.kernels.builtin import BUILTIN
    from ..quantization.simulation.kernels.wide import WIDE
    from ..quantization.simulation.kernels.xnnpack import XNNPACK

    known = reference.activations
    bits = {known[tensor].bits for tensor in (*step.inputs, step.name) if tensor in known}
    if all(b <= 8 for b in bits):
        return XNNPACK
    return BUILTIN if bits == {16} else WIDE


def _no_file(what: str) -> Unsupported:
    return Unsupported(f"Target simulation {what}. Choose a target with a runtime: litert or onnxruntime.")
