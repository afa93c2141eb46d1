"""The plain values that pass from one stage to the next. Nothing here computes more than a name."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch

    from .interfaces import AbstractSplit


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: the one record that travels with the model, the file and the measurements.

    Pixels are 0..255. The network sees `(pixel / 255 - mean) / std`, float32 `(N, C, H, W)`, its channels in `order`,
    which is also that of `mean` and `std`: with "bgr" the blue channel and its mean come first.
    With mean = std = 128/255 that is `(pixel - 128) / 128`: an int8 input of scale 1/128 and zero
    point 0 then *is* the camera byte minus 128, and quantizing the input loses nothing.
    """

    channels: int
    height: int
    width: int
    mean: tuple[float, ...] = (128 / 255,)
    std: tuple[float, ...] = (128 / 255,)
    resize: int | None = None  # the shorter side before the centre crop; None: resize straight to (height, width)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    antialias: bool = True  # False: as TensorFlow's plain resize, which samples without a filter
    order: Literal["rgb", "bgr"] = "rgb"  # of three channels
    fit: Literal["", "crop", "letterbox"] = ""  # "": as `resize` says; crop: the largest box of the middle that fits

    def __repr__(self) -> str:
        """Names kept weights and cached steps: a field that is newer than they are appears only where it was set."""
        always = ("channels", "height", "width", "mean", "std", "resize", "interpolation", "antialias")
        newer = (f.name for f in fields(self) if f.name not in always and getattr(self, f.name) != f.default)
        return f"InputSpec({', '.join(f'{name}={getattr(self, name)!r}' for name in (*always, *newer))})"

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.channels, self.height, self.width)

    @property
    def colours(self) -> str:
        """The order of the channels in a word: grey, rgb, bgr, or how many there are."""
        return {1: "grey", 3: self.order}.get(self.channels, f"{self.channels} channels")

    @property
    def fitted(self) -> str:
        """How an image of another size is brought to this one: stretch, crop or letterbox."""
        return self.fit or ("stretch" if self.resize is None else "crop")


@dataclass(frozen=True)
class Deployment:
    """How an app meets the file. Empty: as the recipe and the target have it.

    `input`: "uint8" takes the camera's bytes 0..255 as they are and "int8" those less 128, whatever mean and std the
    network was trained with; "float32" takes the normalised pixels. `output`: the type of the scores; those that a
    recipe leaves in float stay float32. "logits": the scores before a last softmax or sigmoid, in the recipe's own
    type. `layout` of the input: "nhwc" or "nchw".
    """

    input: str = ""
    output: str = ""
    layout: str = ""


@dataclass(frozen=True)
class Splits:
    """A data set cut once and for all: disjoint splits, and which source indices went where."""

    classes: tuple[str, ...]
    train: AbstractSplit  # calibration subsets are drawn from it
    validation: AbstractSplit  # every choice is made on it
    test: AbstractSplit | None  # touched once per variant; None: the set is unlabelled
    fingerprint: str  # sha256 of the content; names cached steps
    note: str = ""  # anything a reader of the report must know about the cut
    held_out: bool = False  # validation was cut from the images that the set gives for training


@dataclass(frozen=True)
class Scheme:
    """How one layer is quantized. `None` bits leave that side in float.

    Weights: symmetric, `[-(2^(b-1)-1), 2^(b-1)-1]`, per output channel unless said otherwise.
    Activations: per tensor; asymmetric up to 8 bits, symmetric above (the LiteRT 16x8 rule).
    """

    weight_bits: int | None = 8
    activation_bits: int | None = 8
    per_channel: bool = True
    symmetric_activations: bool | None = None  # None: symmetric above 8 bits
    reason: str = ""  # why the layer is left (partly) in float, where it is

    @property
    def symmetric(self) -> bool:
        return (self.activation_bits or 0) > 8 if self.symmetric_activations is None else self.symmetric_activations


RecipeKind = Literal["float32", "float16", "dynamic", "weight-only", "static"]


@dataclass(frozen=True)
class Lack:
    """Kernels that a target has not, or has wrong, for layers that answer to `where` (a word of a recipe's rule)."""

    where: str
    weight_bits: frozenset[int]
    activation_bits: frozenset[int]
    advice: str  # what the recipe should ask for instead


@dataclass(frozen=True)
class Capability:
    """What a target can run. A recipe is resolved against it before any work is done."""

    kinds: frozenset[RecipeKind]
    weight_bits: frozenset[int] = frozenset({8})
    activation_bits: frozenset[int] = frozenset({8})
    weight_activation: frozenset[tuple[int, int]] | None = None  # the pairs that have a kernel; None: all
    lacks: tuple[Lack, ...] = ()  # of static recipes, where a kernel is missing for some layers only
    symmetric_activations: bool = False  # every activation has zero point 0
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    notes: dict[str, str] = field(default_factory=dict)  # kind -> why it is not there
    suffix: str = ""  # of the file; "" where there is none

    @property
    def ships(self) -> bool:
        """Whether the target makes files that a runtime runs; a simulation does not."""
        return self.suffix != ""


@dataclass(frozen=True)
class QParams:
    """The integer parameters of one tensor: `real = scale * (q - zero_point)`, `low <= q <= high`."""

    scale: float
    zero_point: int
    bits: int = 8

    @property
    def low(self) -> int:
        return int(-(2 ** (self.bits - 1)) + (1 if self.bits > 8 else 0))

    @property
    def high(self) -> int:
        return int(2 ** (self.bits - 1) - 1)


@dataclass(frozen=True)
class WeightQ:
    """A quantized weight: integers in the shape of the float weight, `(O, ...)`, and a scale per output channel."""

    q: torch.Tensor  # int8 (holds every width up to 8 bits)
    scale: torch.Tensor  # (O,) float32, or (1,) per tensor
    bits: int = 8


@dataclass(frozen=True)
class LayerFate:
    """What befell one layer: quantized with this scheme, or left alone for this named reason."""

    name: str
    op: str
    weight_bits: int | None
    activation_bits: int | None
    granularity: str
    fate: str  # "quantized", "weights only", "float"
    reason: str = ""


@dataclass(frozen=True)
class Artifact:
    """A file as it ships."""

    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Run:
    """Everything a report may read: the content of results.json and the folder it lies in."""

    results: dict[str, Any]
    folder: Path


@dataclass(frozen=True)
class Task:
    """A part of a run's work that depends on no other: `function`, "module:name", is called with (argument, progress).

    `argument` can be pickled, and the function can be imported where the work is done.
    """

    name: str
    function: str
    argument: Any


@dataclass(frozen=True)
class Job:
    """Work for a device: `spec` as devices/runner.py reads it, and the files that it names."""

    spec: dict[str, Any]
    files: dict[str, bytes]


@dataclass(frozen=True)
class JobAnswer:
    """What a device answered: its record, the files it made, and how many times the job had to be sent."""

    record: dict[str, Any]
    files: dict[str, bytes]
    attempts: int = 1
