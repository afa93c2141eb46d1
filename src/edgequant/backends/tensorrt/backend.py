"""Strongly typed QDQ ONNX for TensorRT 10 and 11 on NVIDIA GPUs. Engines are built where they run.

A Jetson has TensorRT 10: 11.3 and 11.4 do not support JetPack (NVIDIA, "Migrating from TensorRT 10.x to 11.x"). In 11
strong typing is always on, and `--stronglyTyped` is accepted and does nothing ("Migrating trtexec Usage").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...core.errors import Unsupported
from ...recipe.scheme import Capability
from ...store.artifact import Artifact, write_artifact
from ..contract import AbstractBackend, AbstractSession, Ending, Entry

if TYPE_CHECKING:
    from ...quantization.reference import Reference
    from ...quantization.simulation.arithmetic import Pick


@final
@dataclass(frozen=True)
class TensorRT(AbstractBackend):
    """Writes and checks the file, and beside it the calibration cache that TensorRT before 11 reads. Runs nothing."""

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "float16", "static"}),
        weight_bits=frozenset({8}),
        activation_bits=frozenset({8}),
        symmetric_activations=True,
        layout="NCHW",
        notes={
            "dynamic": "TensorRT has no ranges made while a network runs. Use w8a8",
            "weight-only": "TensorRT has no convolution of integer weights and float activations. Use w8a8 or float16",
        },
        suffix=".trt.onnx",
    )

    def lower(self, reference: Reference, path: Path) -> Artifact:
        """Write the file and, for integers, `.calib`. Raises Unsupported, also where TensorRT's parser would refuse."""
        from .check import check
        from .lower import calibration_cache, lower

        model = lower(reference)
        check(model)
        if reference.activations:
            path.with_suffix(".calib").write_text(calibration_cache(reference))
        return write_artifact(path, model.SerializeToString(deterministic=True))

    def arithmetic(self, reference: Reference, path: Path) -> Pick:  # noqa: ARG002
        """Scaled in float32, as its kernels do; which of them is chosen, and so the last bit, the GPU decides."""
        from ...quantization.simulation.kernels.wide import WIDE

        return lambda _: WIDE

    def open(self, path: Path, threads: int = 1) -> AbstractSession:  # noqa: ARG002
        raise _unopened(path)

    def inspect(self, path: Path) -> Mapping[str, Any]:
        """As any .onnx, with the command that builds the engine. Raises BadFile."""
        from ..onnx.inspect import inspect

        found = inspect(path)
        return {**found, "metadata": {**found["metadata"], "trtexec": trtexec(path)}}

    def entry(self, path: Path) -> Entry:
        raise _unopened(path)

    def ending(self, path: Path) -> Ending:
        from ..onnx.inspect import ending

        return ending(path)


def trtexec(path: Path) -> str:
    """The command that builds, times and describes the engine, layer by layer."""
    stem = path.name.removesuffix(".onnx").removesuffix(".trt")
    return (
        f"trtexec --onnx={path.name} --stronglyTyped --saveEngine={stem}.engine --timingCacheFile={stem}.timing"
        f" --profilingVerbosity=detailed --exportLayerInfo={stem}.layers.json --exportProfile={stem}.profile.json"
    )


def _unopened(path: Path) -> Unsupported:
    """An engine is built on the GPU that runs it."""
    return Unsupported(
        f"Running {path.name} needs TensorRT and an NVIDIA GPU, and edgequant runs no engines itself."
        f" Where these are, type: {trtexec(path)}"
    )
