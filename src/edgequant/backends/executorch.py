""".pte files: the reference graph lowered by ExecuTorch's XNNPACK partitioner, run by its runtime (an extra)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ..core.files import write_artifact
from ..core.interfaces import AbstractBackend, AbstractSession
from ..core.records import Artifact, Capability

if TYPE_CHECKING:
    from ..quantization.integer.arithmetic import Pick
    from ..quantization.reference import Reference

IN_FLOAT = {"avg_pool2d", "requantize", "sigmoid", "softmax"}  # between a dequantize and a quantize
OTHER = "this target writes float32 and static 8-bit files so far. Use w8a8 or float32, or target litert"


@final
@dataclass(frozen=True)
class ExecuTorch(AbstractBackend):
    """ExecuTorch with the XNNPACK delegate. A file takes and gives float32: its grids are inside."""

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "static"}),
        weight_bits=frozenset({8}),
        activation_bits=frozenset({8}),
        layout="NCHW",
        notes=dict.fromkeys(("float16", "dynamic", "weight-only"), OTHER),
        suffix=".pte",
    )

    def lower(self, reference: Reference, path: Path) -> Artifact:
        """Write the file. Raises Unsupported and MissingExtra."""
        from .executorch_lower import lower

        return write_artifact(path, lower(reference))

    def arithmetic(self, reference: Reference, path: Path) -> Pick:  # noqa: ARG002
        """XNNPACK's kernels, which LiteRT delegates to as well; what has none is computed in float, rounded once."""
        from ..quantization.integer.wide import WIDE
        from ..quantization.integer.xnnpack import XNNPACK

        return lambda step: WIDE if step.kind in IN_FLOAT else XNNPACK

    def open(self, path: Path, threads: int = 1) -> AbstractSession:
        """Raises BadFile and MissingExtra."""
        from .executorch_session import open_session

        return open_session(path, threads)

    def inspect(self, path: Path) -> Mapping[str, Any]:
        """The delegates with their bytes, the operators outside of them, and the metadata. Raises BadFile."""
        from .executorch_session import inspect

        return inspect(path)
