""".onnx files: written from the reference graph with our own emitter, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...core.arrays import Array
from ...recipe.scheme import Capability
from ...store.artifact import Artifact, write_artifact
from ..contract import AbstractBackend, AbstractSession, Ending, Entry, Operators, Unreadable

if TYPE_CHECKING:
    from ...core.image import InputSpec
    from ...graph.program import Captured
    from ...quantization.reference import Reference
    from ...quantization.simulation.arithmetic import Pick


@final
@dataclass(frozen=True)
class OnnxRuntime(AbstractBackend):
    """ONNX with Q/DQ. `provider` is the execution provider that runs the file."""

    provider: str = "CPUExecutionProvider"

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "float16", "dynamic", "weight-only", "static"}),
        weight_bits=frozenset({4, 8}),
        activation_bits=frozenset({8}),
        layout="NCHW",
        suffix=".onnx",
    )

    def lower(self, reference: Reference, path: Path) -> Artifact:
        """Write the file; the same reference always gives the same bytes. Raises Unsupported."""
        from . import lower as onnx_lower

        return write_artifact(path, onnx_lower.lower(reference).SerializeToString(deterministic=True))

    def arithmetic(self, reference: Reference, path: Path) -> Pick:  # noqa: ARG002
        """One family of kernels for all steps."""
        from ...quantization.simulation.kernels.onnxruntime import ONNXRUNTIME

        return lambda _: ONNXRUNTIME

    def open(self, path: Path, threads: int = 1) -> AbstractSession:
        """Raises BadFile; Unsupported where this build of ONNX Runtime lacks the provider."""
        from .session import open_session

        return open_session(path, threads, self.provider)

    def inspect(self, path: Path) -> Mapping[str, Any]:
        """Constants with type, bits, shape, bytes and role; operators; bytes by role; metadata. Raises BadFile."""
        from ..onnx.inspect import inspect

        return inspect(path)

    def integers(self, path: Path, inputs: Array) -> Mapping[str, Array]:
        from .trace import integers

        return integers(path, inputs, self.provider)

    def entry(self, path: Path) -> Entry:
        from .finished import entry
        from .session import open_session

        return entry(path, open_session(path, 1, self.provider))

    def ending(self, path: Path) -> Ending:
        from ..onnx.inspect import ending

        return ending(path)

    def read(self, path: Path, inputs: InputSpec, like: Captured | None = None) -> Reference | Unreadable:  # noqa: ARG002
        """By the names of `like`; the files of other tools have their own."""
        from .finished import read

        return read(path, like)

    def operators(self, path: Path, kernels: Mapping[str, int]) -> Operators | Unreadable:
        from .finished import operators

        return operators(path, kernels)
