"""What a target is: it writes files, and opens them in their runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from ..core.arrays import Array, Outputs, only
from ..recipe.scheme import Capability
from ..store.artifact import Artifact

if TYPE_CHECKING:
    from ..quantization.reference import Reference
    from ..quantization.simulation.arithmetic import Pick


@dataclass(frozen=True)
class OutputInfo:
    """An output of a file: `real = scale * (q - zero_point)`.

    `scale` is one step of its values, also where the file's last operator has made floats of them; 0.0 where they
    lie on no grid that the file tells.
    """

    name: str
    shape: tuple[int, ...]  # without the batch, as the file gives it; -1 where it leaves a side open
    dtype: str  # numpy's name of the type that the file gives
    scale: float = 0.0
    zero_point: int = 0


class AbstractSession(ABC):
    """A file opened in its runtime, one interpreter, one caller at a time."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[OutputInfo, ...]:
        """In the file's order, which is that of the program it was made of."""

    @property
    def only(self) -> OutputInfo:
        """The one output there is, for what knows class scores alone. Raises BadModel where there are several."""
        return only({output.name: output for output in self.outputs})

    @abstractmethod
    def run(self, inputs: Array) -> Outputs:
        """(N, C, H, W) float32 normalised images in; float32 outputs by name out, as an app would get them."""

    @abstractmethod
    def run_quantized(self, inputs: Array) -> Outputs:
        """The same, but as the file's own integers; outputs that are floats stay floats."""

    @abstractmethod
    def prepare(self, inputs: Array) -> None:
        """Place one `(1, C, H, W)` image in the input tensor, so that `invoke` alone is what latency times."""

    @abstractmethod
    def invoke(self) -> None:
        """Run once on what `prepare` placed."""

    @abstractmethod
    def kernels(self) -> dict[str, Any]:
        """{"delegated", "total", "by": {op or provider: count}}: where the ops ran."""

    def arena(self) -> dict[str, int] | None:
        """{"total", "head", "tail"} bytes of RAM, where the runtime plans its memory ahead; None elsewhere."""
        return None


@runtime_checkable
class Portable(Protocol):
    """What a session has besides, where its files can run on other devices: there only raw values go in and out."""

    def encode(self, inputs: Array) -> Array:
        """(N, C, H, W) float32 normalised images -> what the file's input takes."""

    def decode(self, given: Sequence[Array]) -> Outputs:
        """What the file's outputs give, in its order -> float32, by name."""

    def counted(self, nodes: Any, files: Mapping[str, bytes]) -> dict[str, Any] | None:
        """`kernels` of what the device told of the operators, and of the files it sent along; None: it cannot tell."""


class AbstractBackend(ABC):
    """A target: lowers the reference graph to a file, and opens such files in their runtime."""

    capability: ClassVar[Capability]

    @abstractmethod
    def lower(self, reference: Reference, path: Path) -> Artifact:
        """Write the file. Raises Unsupported."""

    @abstractmethod
    def arithmetic(self, reference: Reference, path: Path) -> Pick:
        """How the runtime computes each step of the file it wrote: what the integer executor mirrors."""

    @abstractmethod
    def open(self, path: Path, threads: int = 1) -> AbstractSession:
        """Raises BadFile."""

    @abstractmethod
    def inspect(self, path: Path) -> Mapping[str, Any]:
        """What is in the file: {"tensors": [...], "operators": {...}, "bytes": {...}, "metadata": {...}}."""

    def integers(self, path: Path, inputs: Array) -> Mapping[str, Array]:  # noqa: ARG002
        """Tensor -> (N, ...) integers that the file computes on normalised `inputs`, in `capability.layout`, under the
        reference's names, on a run that keeps them all; empty where the runtime shows none."""
        return {}
