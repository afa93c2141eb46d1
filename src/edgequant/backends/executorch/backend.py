""".pte files: the reference graph lowered by ExecuTorch's XNNPACK partitioner, run by its runtime (an extra)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...core.errors import BadFile
from ...recipe.scheme import Capability
from ...store.artifact import Artifact, write_artifact
from ..contract import AbstractBackend, AbstractSession, Ending, Entry

if TYPE_CHECKING:
    from ...quantization.reference import Reference
    from ...quantization.simulation.arithmetic import Pick

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
        from .lower import lower

        return write_artifact(path, lower(reference))

    def arithmetic(self, reference: Reference, path: Path) -> Pick:  # noqa: ARG002
        """XNNPACK's kernels, which LiteRT delegates to as well; what has none is computed in float, rounded once."""
        from ...graph.ops.op import Kernels
        from ...graph.ops.table import OPS
        from ...quantization.simulation.kernels.wide import WIDE
        from ...quantization.simulation.kernels.xnnpack import XNNPACK

        rows = {kind: row.kernels for kind, row in OPS.items()}
        in_float = {k for k, cell in rows.items() if isinstance(cell, Kernels) and cell.executorch == "wide"}
        return lambda step: WIDE if step.kind in in_float else XNNPACK

    def open(self, path: Path, threads: int = 1) -> AbstractSession:
        """Raises BadFile and MissingExtra."""
        from .session import open_session

        return open_session(path, threads)

    def inspect(self, path: Path) -> Mapping[str, Any]:
        """The delegates with their bytes, the operators outside of them, and the metadata. Raises BadFile."""
        from .session import inspect

        return inspect(path)

    def entry(self, path: Path) -> Entry:
        """Of the files of others, raises BadFile: a .pte has no record of its input but edgequant's metadata."""
        from .session import metadata

        told = metadata(path)
        if "shape" not in told:
            raise BadFile(f"{path} does not say what it takes; of .pte files, edgequant opens its own only.")
        channels, height, width = told["shape"]
        return Entry((channels, height, width), "float32", 0.0, 0)

    def ending(self, path: Path) -> Ending:
        from .session import metadata

        return "softmax" if metadata(path).get("probabilities") else ""
