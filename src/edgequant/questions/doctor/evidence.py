"""All that a diagnosis is made from, as plain numbers: collected once by the pipeline, read by every finding.

A part that could not be had is None or empty, and `unseen` says why: a finding that needs it stays silent.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...core.arrays import Array
from ...data.calibration.fit import Fit
from ...data.calibration.near_copies import Copies
from .remedies import Remedies


@dataclass(frozen=True)
class CalibrationFacts:
    """The calibration set against the data. `counts` and `shares` are by class; None where nothing tells classes."""

    n: int
    fit: Fit
    copies: Copies | None = None
    counts: Array | None = None  # (K,) calibration images of each class
    shares: Array | None = None  # (K,) of the training images
    classes: tuple[str, ...] = ()
    told_by: str = "its labels"  # or the float network's answers, where it has none

    def record(self) -> dict[str, Any]:
        """The key "calibration" of a diagnosis."""
        return {
            "n": self.n,
            "seen": self.fit.seen,
            "noise": self.fit.noise,
            "preprocessing": self.fit.preprocessing,
            "copies": self.copies and asdict(self.copies),
            "counts": None if self.counts is None else [int(n) for n in self.counts],
            "told_by": self.told_by,
        }


@dataclass(frozen=True)
class Scores:
    """What both networks answer on the same N images; labels where the data have them."""

    floats: Array  # (N, K) float32
    file: Array  # (N, K) float32, as an app would get them
    labels: Array | None = None

    @property
    def agree(self) -> Array:
        """(N,) bool: the same class. Ties go to the first."""
        same: Array = self.floats.argmax(1) == self.file.argmax(1)
        return same


@dataclass(frozen=True)
class Feed:
    """A way to feed the file, and on which images it then answers as the float network does."""

    words: str
    agree: Array  # (M,) bool
    typed: str = ""  # the options that feed it so; empty where options cannot


@dataclass(frozen=True)
class InputFacts:
    """The input tensor under the stated preprocessing: how many of the pixels' levels are left of it."""

    type: str
    levels: int  # distinct values of one channel's pixels, the largest over channels
    codes: int  # distinct values of that channel in the input tensor


@dataclass(frozen=True)
class OutputFacts:
    """The output tensor's grid: `real = scale * (q - zero_point)`, from `low` to `high`. `scale` 0: a float output."""

    scale: float = 0.0
    low: float = -np.inf
    high: float = np.inf
    squashed: str = ""  # "softmax" or "sigmoid": what makes probabilities of the scores, in the file

    @property
    def softmax(self) -> bool:
        return self.squashed == "softmax"


@dataclass(frozen=True)
class TensorFacts:
    """An activation inside the file: its grid, against the values that the tensor has in float on N images."""

    name: str
    layer: str
    step: float  # of the grid
    low: float  # of the grid
    high: float
    seen_low: float
    seen_high: float
    images: int
    clipped: int  # images with a value more than a step outside the grid
    clip_energy: float  # mean squared error by clipping, beyond one step
    variance: float  # of the float values
    codes: int  # distinct integers that the values fall on
    beside: str = ""  # the largest other tensor that is computed onto the same grid
    bound: str = ""  # why the two cannot be given scales of their own by rescaling the layers around them

    @property
    def rounding_energy(self) -> float:
        """Mean squared error of rounding to the grid, were nothing clipped: step^2 / 12 (Widrow and Kollar, 2008)."""
        return self.step**2 / 12


@dataclass(frozen=True)
class LayerFacts:
    """One layer put back to float while all else stays quantized, in simulation."""

    name: str
    op: str
    share: float  # of the outputs' mean squared error that goes with it
    agree: Array  # (M,) bool: with the float network, with this layer in float
    agree_before: Array  # (M,) bool: with all layers quantized


@dataclass(frozen=True)
class Speed:
    """Milliseconds an image: the median and its 95% interval."""

    p50: float
    low: float
    high: float


@dataclass(frozen=True)
class Running:
    """Where the file's operators run, as it is opened (`target`), and as it would be by default."""

    target: str
    usual: str
    integer: bool = False  # whether its activations are integers
    delegated: int = 0
    delegated_usually: int = 0
    total: int = 0
    builtin: tuple[str, ...] = ()  # operators with weights that no fast kernel takes by default
    floats: tuple[str, ...] = ()  # operators that compute in float inside an integer file
    loose: int = 0  # quantize and dequantize operators inside it that were not fused into others
    file: Speed | None = None  # timed only where one of these gives a reason to
    float32: Speed | None = None
    file_usually: Speed | None = None

    @property
    def slower(self) -> bool:
        """Whether an integer file is slower than float32, beyond the noise of timing: their intervals are apart."""
        timed = self.integer and self.file is not None and self.float32 is not None
        return timed and self.file.low > self.float32.high  # type: ignore[union-attr]

    @property
    def times(self) -> str:
        if self.file is None or self.float32 is None:
            return "not timed"
        return f"{self.file.p50:.3g} ms an image against {self.float32.p50:.3g} ms in float32"


@dataclass(frozen=True)
class Evidence:
    remedies: Remedies
    scores: Scores
    input: InputFacts | None = None
    output: OutputFacts = field(default_factory=OutputFacts)
    feeds: tuple[Feed, ...] = ()  # the stated one first
    calibration: CalibrationFacts | None = None
    tensors: tuple[TensorFacts, ...] = ()  # in the order of execution, without the input and the output
    layers: tuple[LayerFacts, ...] = ()
    running: Running | None = None
    unseen: tuple[str, ...] = ()
