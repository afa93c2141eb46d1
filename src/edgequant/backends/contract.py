"""What a target is: it writes files, opens them in their runtime, and tells what a finished file says of itself.

What asks about a file (`files/`, the doctor) asks its backend, and knows no format: a new one is judged as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, final, runtime_checkable

from ..core.arrays import Array, Outputs, only
from ..recipe.scheme import Capability
from ..store.artifact import Artifact

if TYPE_CHECKING:
    from ..core.image import InputSpec
    from ..graph.program import Captured
    from ..quantization.reference import Reference
    from ..quantization.simulation.arithmetic import Pick

Ending = Literal["softmax", "sigmoid", ""]


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


@final
@dataclass(frozen=True)
class Entry:
    """A file's input tensor: (C, H, W) in whatever layout it lies, its type, and what its integers mean:
    `real = scale * (q - zero_point)`, with a `scale` of 0 for floats."""

    shape: tuple[int, int, int]
    type: str
    scale: float
    zero_point: int


@final
@dataclass(frozen=True)
class Operators:
    """What kinds of operators compute a file, as it is opened."""

    integer: bool  # whether its activations are integers
    floats: tuple[str, ...] = ()  # those that compute in float, one for each
    loose: int = 0  # quantize and dequantize operators inside it, not at its ends, that were not fused into others
    slow: tuple[str, ...] = ()  # those with weights that no fast kernel takes, one for each


@final
@dataclass(frozen=True)
class Unreadable:
    """Why a file does not become a graph: the end of a sentence that a user reads."""

    reason: str


class AbstractMirror(ABC):
    """A finished file beside the arithmetic that it should follow, computed without its runtime."""

    reference: Reference  # read from the file
    pick: Pick  # how the runtime computes each step of this very file

    @abstractmethod
    def run(self, inputs: Array) -> Outputs:
        """What `AbstractSession.run` of the file should give."""

    @abstractmethod
    def run_quantized(self, inputs: Array) -> Outputs:
        """What `AbstractSession.run_quantized` of the file should give."""

    @abstractmethod
    def entered(self, inputs: Array) -> Array:
        """The images as the file's first operator rounds them."""

    @abstractmethod
    def integers(self, inputs: Array) -> Mapping[str, Array]:
        """`AbstractBackend.integers` of the file, by the names that reading it gave."""


@runtime_checkable
class Mirrored(Protocol):
    """What a backend has besides, where a file alone tells its arithmetic, whoever made it."""

    def mirror(self, path: Path, inputs: InputSpec) -> AbstractMirror:
        """`inputs`: what the file takes. Raises BadFile where the file has no graph of the op table."""


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

    @abstractmethod
    def entry(self, path: Path) -> Entry:
        """The input tensor as the runtime sees it. Raises BadFile where it is no single image."""

    @abstractmethod
    def ending(self, path: Path) -> Ending:
        """What made probabilities of the file's scores: its last operation but conversions. Raises BadFile."""

    def read(self, path: Path, inputs: InputSpec, like: Captured | None = None) -> Reference | Unreadable:  # noqa: ARG002
        """The file's own graph with the weights and grids that it stores.

        `inputs`: what the file takes. `like`: the float network that it is said to be made of, for a format that is
        read by the names of tensors and layers; the graph is then that network's.
        """
        return Unreadable(f"edgequant reads no graph from {self.capability.suffix} files")

    def operators(self, path: Path, kernels: Mapping[str, int]) -> Operators | Unreadable:  # noqa: ARG002
        """`kernels`: {operator: how many run}, as a session's `kernels` has them under "by"."""
        return Unreadable(f"edgequant reads no operators from {self.capability.suffix} files")
