"""The whole contract on one page: one abstract class per plug-in point.

Two rules, tested in tests/test_catalog.py. A class is abstract, and lives here, or it is
final, and lives in one file of its own. A final class is a frozen dataclass whose fields
are its options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .prefetch import ahead
from .records import Artifact, Capability, InputSpec, Job, JobAnswer, Run, Splits, Task

if TYPE_CHECKING:
    import altair
    import torch
    from torch import nn

    from ..doctor.evidence import Evidence
    from ..doctor.found import Found
    from ..graph.program import Captured
    from ..quantization.integer.arithmetic import Pick
    from ..quantization.reference import Reference
    from ..train.training import Training
    from .errors import EdgequantError
    from .progress import AbstractProgress

Tick = Callable[[int, int], None]  # (done, total)
Array = NDArray[Any]


class AbstractSplit(ABC):
    """Labelled images with random access. Bounded memory: nothing is decoded before `take`."""

    @property
    @abstractmethod
    def labels(self) -> Array | None:
        """(N,) int64 class indices; None where the set is unlabelled."""

    @property
    @abstractmethod
    def indices(self) -> Array:
        """(N,) int64: which images of the source these are. Recorded, so that nobody has to guess."""

    @abstractmethod
    def take(self, positions: Array) -> Array:
        """(n, H, W, C) uint8 images (or float32, already in 0..255) at these positions."""

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, size: int) -> Iterator[tuple[Array, Array | None]]:
        """(images, labels) in order, `size` at a time; the last one may be smaller.

        The next batch is decoded while the caller works on this one, so two are in memory.
        """
        labels, chunks = self.labels, [np.arange(len(self))[at : at + size] for at in range(0, len(self), size)]
        for where, images in zip(chunks, ahead(self.take, chunks)):
            yield images, None if labels is None else labels[where]


class AbstractDataset(ABC):
    """A source of images."""

    @abstractmethod
    def image_shape(self) -> tuple[int, int, int] | None:
        """(C, H, W) of the images as they are stored; None where each has a size of its own."""

    @abstractmethod
    def load(self, inputs: InputSpec) -> Splits:
        """The splits, decoded to `inputs.shape`. Raises BadData."""


class Judge(Protocol):
    """A network's own runtime: what it answers is what the network is."""

    @property
    def runtime(self) -> str:
        """`ONNX Runtime`, `LiteRT`, `Keras`: for messages."""

    def takes(self, images: Array) -> Array:
        """(N, C, H, W) float32 normalised images, each value the nearest that the source's input can hold."""

    def scores(self, images: Array) -> Array:
        """(N, ...) float32 answers to such images, in the layout of the module that `build` makes of the source."""

    def tensors(self, images: Array) -> Mapping[str, Array]:
        """Tensors on the way, in order, by names that the module's own `tensors(images)` has too, where it has one."""


class AbstractModel(ABC):
    """An architecture, and where its weights come from."""

    @abstractmethod
    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:
        """What the network takes, given what the data set has. Raises BadModel where they do not fit."""

    @abstractmethod
    def build(self, inputs: InputSpec, classes: int) -> nn.Module:
        """The network with fresh weights; float32 `(N, C, H, W)` in, `(N, classes)` scores out."""

    def judge(self, module: nn.Module, inputs: InputSpec) -> Judge | None:  # noqa: ARG002
        """The source's own runtime, for `module` as `build` gave it; None where that is PyTorch."""
        return getattr(module, "judge", None)


class AbstractObserver(ABC):
    """What one tensor's values were. Streaming: memory does not grow with the number of batches."""

    @abstractmethod
    def update(self, values: torch.Tensor) -> None:
        """See one more batch of the tensor, any shape, float32."""

    @abstractmethod
    def range(self, bits: int, symmetric: bool) -> tuple[float, float]:
        """(low, high), low <= 0 <= high, for a grid of `2**bits` steps. Raises BadData where it saw nothing."""


class AbstractCalibrator(ABC):
    """A way to choose the range of an activation."""

    @abstractmethod
    def observer(self) -> AbstractObserver: ...


class AbstractRefiner(ABC):
    """A correction on top of a recipe. Each composes with any recipe and says what it changed."""

    trains: ClassVar[bool] = False  # it has a `train`, which takes minutes or hours and is kept on its own
    shrinks: ClassVar[bool] = False  # it has a `shrink`, which takes channels out before the network is captured
    teaches: ClassVar[bool] = False  # it has an `objective`, and needs a refiner before it that trains

    @abstractmethod
    def network(self, captured: Captured) -> Captured:
        """Before calibration: a network that computes the same in float and quantizes better; or `captured` itself."""

    @abstractmethod
    def reference(self, reference: Reference, images: Array, tick: Tick) -> Reference:
        """After calibration: better integers, found on unlabelled `(n, H, W, C)` pixels; or `reference` itself."""

    def idle(self, weight_bits: Collection[int]) -> str:  # noqa: ARG002
        """Why it has nothing to do in a recipe that gives layers these widths, and what to write; "" where it has."""
        return ""

    def shrink(self, module: nn.Module, inputs: InputSpec, training: Training, tick: Tick) -> list[Any]:  # noqa: ARG002
        """Where `shrinks`: take channels out of `module`, in place, and train it; which went, for `pruning.rebuild`."""
        return []

    def train(self, reference: Reference, training: Training, tick: Tick) -> Reference:  # noqa: ARG002
        """Where `trains`, after `reference`: what training on the images of the splits made of it."""
        return reference

    def objective(self, training: Training) -> Training:
        """Where `teaches`: another loss, or other labels, for the refiner that trains."""
        return training


class AbstractSession(ABC):
    """A file opened in its runtime, one interpreter, one caller at a time."""

    @abstractmethod
    def run(self, inputs: Array) -> Array:
        """(N, C, H, W) float32 normalised images in, (N, classes) float32 scores out, as an app would get them."""

    @abstractmethod
    def run_quantized(self, inputs: Array) -> Array:
        """The same, but the scores as the file's own integers; float files return floats."""

    @property
    @abstractmethod
    def output_scale(self) -> float:
        """One step of the output; 0.0 for a float output."""

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

    def decode(self, scores: Array) -> Array:
        """What the file's output gives -> (N, classes) float32 scores."""

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


class AbstractDevice(ABC):
    """A machine that runs files: this one, or one at the other end of a connection."""

    @abstractmethod
    def run(self, job: Job, tick: Tick) -> JobAnswer:
        """Have the job done there; nothing of it stays behind. Raises DeviceError and, before it is sent, BadOption."""


class AbstractPool(ABC):
    """Where tasks that do not depend on one another are done, several at a time."""

    @abstractmethod
    def work(
        self, tasks: Sequence[Task], workers: int, progress: AbstractProgress
    ) -> Mapping[str, EdgequantError | None]:
        """Do them all; a task's name -> None, what it raised, or WorkerDied: what kills its process is retried once.

        When this returns, or raises, no process that it started is left. Raises MissingExtra and DeviceError.
        """


class AbstractFinding(ABC):
    """One thing that can be wrong with a quantized file, or with how it was made or is used.

    `symptom`, `figure`, `why` and `fix` are the row of the playbook (docs/troubleshooting.md).
    """

    symptom: ClassVar[str]  # what a user notices
    figure: ClassVar[str]  # what is measured, and where the limit comes from
    why: ClassVar[str]  # the cause, and why it matters
    fix: ClassVar[str]  # what to type, with placeholders in capitals
    last_resort: ClassVar[bool] = False  # only asked where no other finding explains the case

    @abstractmethod
    def look(self, evidence: Evidence) -> Found | None:
        """What was seen, and the commands that mend it; None where it is not there or cannot be judged."""


class AbstractSection(ABC):
    """One part of the report. It reads the record and computes nothing that another file could disagree with."""

    title: ClassVar[str]

    def text(self, run: Run) -> str:  # noqa: ARG002
        """Markdown before the table; empty for none."""
        return ""

    @abstractmethod
    def rows(self, run: Run) -> list[tuple[str, ...]]:
        """The section's table, header first. An empty list means no table."""

    def charts(self, run: Run) -> dict[str, altair.TopLevelMixin]:  # noqa: ARG002
        """File stem -> chart; each is written as PNG and SVG and shown in the HTML."""
        return {}

    def images(self, run: Run) -> list[tuple[str, str]]:  # noqa: ARG002
        """(file of the run folder, what it shows in words): small PNG pictures, shown side by side."""
        return []

    def views(self, run: Run) -> dict[str, list[tuple[str, ...]]]:  # noqa: ARG002
        """Variant id -> the section's table for that variant: where the HTML lets a reader choose."""
        return {}
