"""What a network takes, and how an app meets the file."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import Annotated, Any, Literal

from .errors import BadOption
from .help import Help


@dataclass(frozen=True)
class InputSpec:
    """What a network takes: the one record that travels with the model, the file and the measurements.

    Pixels are 0..255. The network sees `(pixel / 255 - mean) / std`, float32 `(N, C, H, W)`, its channels in `order`,
    which is also that of `mean` and `std`: with "bgr" the blue channel and its mean come first.
    With mean = std = 128/255 that is `(pixel - 128) / 128`: an int8 input of scale 1/128 and zero
    point 0 then *is* the camera byte minus 128, and quantizing the input loses nothing.

    The sizes come in the order of every image tensor here, (C, H, W), so `InputSpec(*shape)` is one; what follows is
    given by name.
    """

    channels: int
    height: int
    width: int
    _: KW_ONLY
    mean: tuple[float, ...] = (128 / 255,)
    std: tuple[float, ...] = (128 / 255,)
    resize: int | None = None  # the shorter side before the centre crop; None: resize straight to (height, width)
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    antialias: bool = True  # False: as TensorFlow's plain resize, which samples without a filter
    order: Literal["rgb", "bgr"] = "rgb"  # of three channels
    fit: Literal["", "crop", "letterbox"] = ""  # "": as `resize` says; crop: the largest box of the middle that fits

    def __new__(cls, *sizes: int, **_: Any) -> InputSpec:
        """Raises BadOption, with what to type, where more than the sizes came by position."""
        if len(sizes) > 3:
            raise BadOption(
                f"InputSpec takes channels, height and width by position and the rest by name. Got {len(sizes)} values"
                f" by position. Write InputSpec({', '.join(map(str, sizes[:3]))}, mean=…, std=…)."
            )
        return super().__new__(cls)

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

    input: Annotated[
        str,
        Help(
            "Input type of the file: uint8 or int8 for raw pixels, float32 for normalised pixels. Default: set by the"
            " recipe."
        ),
    ] = ""
    output: Annotated[str, Help("Of the file: uint8, int8 or float32 scores; logits: before the softmax.")] = ""
    layout: Annotated[str, Help("Of the file's input: nhwc or nchw.")] = ""

    def settled(self, source: str, sink: str, layout: str) -> Deployment:
        """With nothing left empty: `source` and `sink` are the types that the recipe itself gives, `layout` the
        target's. Scores that a recipe leaves in float stay so."""
        output = sink if sink == "float32" else self.output or sink
        return Deployment(self.input or source, output, self.layout or layout)


def own_type(bits: int | None, byte: str) -> str:
    """Of an input or output of so many bits, None for floats; `byte`: how the format has 8 bits, int8 or uint8."""
    return "float32" if bits is None else "int16" if bits > 8 else byte
