"""TensorFlow Lite Micro: the same .tflite, run by the interpreter that microcontrollers run, with its RAM beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from ...core.errors import BadFile, Unsupported
from ...recipe.scheme import Capability
from ...store.artifact import Artifact
from ..contract import AbstractBackend, AbstractSession, Ending, Entry, Operators, Unreadable
from .backend import LiteRT

if TYPE_CHECKING:
    from ...core.image import InputSpec
    from ...graph.program import Captured
    from ...quantization.reference import Reference
    from ...quantization.simulation.arithmetic import Pick

NO_HYBRID = "TensorFlow Lite Micro has no kernels for float activations beside integer weights; use w8a8 or float32"


@final
@dataclass(frozen=True)
class TFLM(AbstractBackend):
    """TFLM's reference kernels. Arena size is reported as peak memory.

    CMSIS-NN's kernels are to give the same integers: its README says that it is bit-exact with TFLM's reference
    kernels, and Tests/UnitTest/README.md (github.com/ARM-software/CMSIS-NN) lists convolution, fully connected,
    softmax, pooling, ADD and MUL as such. No Cortex-M was at hand to check it; a build with
    CMSIS_NN_USE_SINGLE_ROUNDING rounds otherwise.
    """

    capability: ClassVar[Capability] = Capability(
        kinds=frozenset({"float32", "static"}),
        weight_bits=frozenset({4, 8}),
        activation_bits=frozenset({8, 16}),
        layout="NHWC",
        notes={
            "float16": "TensorFlow Lite Micro has no float16 kernels; use float32 or w8a8",
            "dynamic": NO_HYBRID,
            "weight-only": NO_HYBRID,
        },
        suffix=".micro.tflite",
    )

    def lower(self, reference: Reference, path: Path) -> Artifact:
        """Raises Unsupported, also where TFLM lacks a kernel that the file needs."""
        from .micro_session import MicroSession

        made = LiteRT().lower(reference, path)
        try:
            MicroSession(path)  # its operations are checked by its own resolver, now rather than on the device
        except BadFile as error:
            raise Unsupported(str(error)) from error
        return made

    def arithmetic(self, reference: Reference, path: Path) -> Pick:  # noqa: ARG002
        """TFLM's reference kernels share LiteRT's builtin fixed-point arithmetic; nothing is delegated."""
        from ...quantization.simulation.kernels.pick import arithmetic_for

        return arithmetic_for(frozenset())

    def open(self, path: Path, threads: int = 1) -> AbstractSession:  # noqa: ARG002
        from .micro_session import MicroSession

        return MicroSession(path)

    def inspect(self, path: Path) -> Mapping[str, Any]:
        from ..tflite.inspect import inspect

        return inspect(path)

    def entry(self, path: Path) -> Entry:
        from .finished import entry

        return entry(path)

    def ending(self, path: Path) -> Ending:
        from ..tflite.inspect import ending

        return ending(path)

    def read(self, path: Path, inputs: InputSpec, like: Captured | None = None) -> Reference | Unreadable:  # noqa: ARG002
        """By its operators, whoever made it; `like` is not looked at."""
        from .finished import read

        return read(path, inputs)

    def operators(self, path: Path, kernels: Mapping[str, int]) -> Operators | Unreadable:
        from .finished import operators

        return operators(path, kernels)
