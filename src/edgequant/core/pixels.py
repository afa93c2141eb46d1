"""What is stated of a network's input: its words on the command line, in specs, in Python and in studies.

One record holds what was said (`Stated`), one function puts it to what the source itself says (`merged`), and one
refuses what neither of them tells (`settled`). A field that is not known is 0, or an empty tuple.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated, Any, Literal, final

from .errors import BadModel, BadOption
from .help import Help
from .image import InputSpec

Words = str | int | float | tuple[float, ...]  # "0.485,0.456,0.406", "0.485:0.456:0.406", 0.5 or (0.485, 0.456, 0.406)
Numbers = tuple[float, ...]

UNKNOWN = InputSpec(0, 0, 0, mean=(), std=())
CHANNELS = {"grey": 1, "rgb": 3, "bgr": 3}
FITS = ("stretch", "crop", "letterbox")
BYTE = 255
OF_BYTES = 1.5  # a mean or a std of pixels / 255 is at most 1 or about that; larger ones are of pixels in 0..255

# Usual preprocessings by name: (mean, std) of pixels / 255. Sources: torchvision's transforms of ImageNet weights;
# keras.applications' preprocess_input in modes "tf" and "torch"; TensorFlow Lite's quantized MobileNets and
# EfficientNet-Lite; PyTorch's MNIST example, for grey images.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
USUAL: dict[str, tuple[Numbers, Numbers]] = {
    "imagenet": IMAGENET,
    "0..1": ((0.0,), (1.0,)),
    "-1..1": ((0.5,), (0.5,)),
    "0..255": ((0.0,), (1 / BYTE,)),
    "(x-127)/128": ((127 / BYTE,), (128 / BYTE,)),
    "mnist": ((0.1307,), (0.3081,)),
}
FORMULA = re.compile(r"\(?x-(\d+\.?\d*)\)?/(\d+\.?\d*)")  # of a pixel x in 0..255: its mean and its std
TYPE = (
    "--mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 (ImageNet's, or --mean imagenet for both), --mean 0 --std 1"
    " (0..1), --mean 0.5 --std 0.5 (-1..1), --mean 0..255 (bytes as they are), --mean '(x-127)/128'"
)
ELSEWHERE = "in a spec ,mean=…,std=…; in Python and in a study mean = … and std = …"


@final
@dataclass(frozen=True)
class Stated:
    """What a user says of the input; an empty field says nothing.

    `size`: pixels, 32 for a square, else width x height as 320x240. `mean` and `std` of pixels / 255: one number, or
    one a channel in the order of `channels`; or the name of a usual preprocessing as `mean`, which implies std.
    `channels`: rgb, bgr, grey. `fit`: how images of another size are brought to this one: stretch; crop (the largest
    box of the middle), crop:256 (the shorter side to 256, then the middle); letterbox (whole, between bars of grey).
    """

    size: Annotated[Words, Help("Of the input, in pixels: 32, or width x height as 320x240.")] = ""
    mean: Annotated[
        Words,
        Help(
            "Of pixels / 255, one number or one a channel: 0.485,0.456,0.406; or, with its std: imagenet, 0..1,"
            " -1..1, 0..255, '(x-127)/128'."
        ),
    ] = ""
    std: Annotated[Words, Help("Of pixels / 255: 0.229,0.224,0.225.")] = ""
    channels: Annotated[Words, Help("rgb, bgr (blue first) or grey.")] = ""
    fit: Annotated[
        str, Help("Images of another size: stretch, crop, crop:256 (the shorter side first) or letterbox.")
    ] = ""

    def __bool__(self) -> bool:
        return self != NOTHING

    def texts(self) -> dict[str, str]:
        """As the options of a spec say it: `mean=0.485:0.456:0.406`."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: _text(value) for name, value in values.items()}


NOTHING = Stated()


def raw_bytes(scale: float, zero_point: int, kind: str) -> tuple[tuple[float], tuple[float]]:
    """(mean, std) of pixels / 255 with which an 8-bit input, `real = scale * (q - zero_point)`, holds the bytes.

    A normalised pixel is `(byte / 255 - mean) / std`, and it shall be `scale * (byte - zero_point)`: so
    `mean = zero_point / 255` and `std = 1 / (255 * scale)`. A signed byte is the unsigned one less 128, and so are
    zero points.
    """
    unsigned = zero_point + (128 if kind == "int8" else 0)
    return (unsigned / BYTE,), (1 / (BYTE * scale),)


def stated_of(holder: Any) -> Stated:
    """Of any record with some fields of these names. Lists are as good as tuples."""
    values = {f.name: getattr(holder, f.name, "") for f in dataclasses.fields(Stated)}
    return Stated(**{name: "" if value is None else _plain(value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _text(value: Words) -> str:
    return ":".join(repr(one) for one in value) if isinstance(value, tuple) else str(value)


def merged(found: InputSpec, stated: Stated, what: str, free: bool = False) -> InputSpec:
    """`found`, what the source says, with what is `stated`. Where both speak they must agree, unless the source is
    `free` to be used otherwise: an architecture whose weights are the user's, or trained here.

    `what` names the model in messages. Raises BadOption.
    """
    spec = _merge(found, _size(stated), ("height", "width"), "size", what, free)
    said = _channels(stated)
    if said is not None and not spec.mean:  # a source that knows no mean knows how many channels, and not their order
        spec = replace(spec, order=said[1])
    spec = _merge(spec, said, ("channels", "order"), "channels", what, free)
    spec = _merge(spec, _pixels(stated, spec), ("mean", "std"), "mean and std", what, free)
    return _merge(spec, _fit(stated), ("resize", "fit"), "fit", what, free)


def _merge(
    found: InputSpec, said: tuple[Any, ...] | None, names: tuple[str, ...], word: str, what: str, free: bool
) -> InputSpec:
    """Fields `names` of `found` as `said`. A field that the source leaves open (0, or empty) can be said freely."""
    if said is None:
        return found
    known = tuple(getattr(found, name) for name in names)
    if all(not one or _same(one, other) for one, other in zip(known, said)):
        return replace(found, **{name: one or other for name, one, other in zip(names, known, said)})
    if any(known) and (known[0] or word == "size") and not free:  # of a size, a source may say one side only
        scaled = " of pixels / 255 (layers in it that scale its image are counted)" if "mean" in names else ""
        raise BadOption(
            f"{what} itself says {word} {_shown(known)}{scaled}, and {_shown(said)} was stated. Expected the two to"
            f" agree: leave out what was stated, or correct what {what} says."
        )
    return replace(found, **dict(zip(names, said)))


def _same(known: Any, said: Any) -> bool:
    """Numbers as people round them: 0.502 is 128 / 255."""
    if not isinstance(known, tuple) or not isinstance(said, tuple):
        return bool(known == said)
    wide = max(len(known), len(said))
    pairs = zip(known * wide if len(known) == 1 else known, said * wide if len(said) == 1 else said)
    return bool(known) and all(math.isclose(a, b, rel_tol=5e-3, abs_tol=5e-4) for a, b in pairs)


def _shown(values: tuple[Any, ...]) -> str:
    return " / ".join(_numbers_shown(v) if isinstance(v, tuple) else str(v) for v in values if v not in (None, ""))


def _numbers_shown(values: Numbers) -> str:
    return ",".join(f"{v:.6g}" for v in values)


def settled(spec: InputSpec, what: str) -> InputSpec:
    """`spec`, complete. Raises BadModel naming what to type where nothing says how pixels become the input, and
    where no image can be what it says.
    """
    if not spec.mean or not spec.std:
        raise BadModel(
            f"Nothing says how pixels become what {what} takes, and a wrong guess gives other answers. State it as the"
            f" network was trained: {TYPE}; with --channels bgr where blue comes first ({ELSEWHERE})."
        )
    if not spec.height or not spec.width or not spec.channels:
        raise BadModel(
            f"Nothing says which size {what} takes. Give --size 224, size=224 in a spec, or write in a .py"
            " file input_spec = {'channels': 3, 'height': 224, 'width': 224, 'mean': (0.5,), 'std': (0.5,)}."
        )
    return checked(spec, what)


def filled(spec: InputSpec, image_shape: tuple[int, int, int] | None) -> InputSpec:
    """Channels and size that neither source nor user says, from `image_shape` (C, H, W) of the data set. Image files
    without a size of their own have three channels.
    """
    channels, height, width = image_shape or (CHANNELS["rgb"], 0, 0)
    return replace(
        spec,
        channels=spec.channels or channels,
        height=spec.height or height,
        width=spec.width or width,
    )


def checked(spec: InputSpec, what: str) -> InputSpec:
    """Raises BadModel for what no image can be."""
    fits = all(len(v) in (1, spec.channels) for v in (spec.mean, spec.std))
    if min(spec.shape) < 1 or not fits or min(spec.std, default=1) <= 0:
        raise BadModel(
            f"{what} cannot take {spec.channels}x{spec.height}x{spec.width} with mean {spec.mean} and std {spec.std}."
            " Expected sizes above 0, and one mean and one std above 0 for all channels or for each."
        )
    return spec


def described(spec: InputSpec) -> str:
    """The contract in a line: 3x32x32 RGB, (pixel / 255 - mean) / std, and how images are brought to that size."""
    colours = {"rgb": "RGB", "bgr": "BGR"}.get(spec.colours, spec.colours)
    near = next((name for name, pair in usual(spec).items() if all(map(_same, (spec.mean, spec.std), pair))), "")
    numbers = f"mean {_numbers_shown(spec.mean)}, std {_numbers_shown(spec.std)} of pixels / 255"
    how = {"crop": f"cropped at the centre from a shorter side of {spec.resize}"}
    fit = how.get(spec.fitted, "") if spec.resize else {"crop": "cropped at the centre"}.get(spec.fitted, "")
    brought = fit or {"letterbox": "letterboxed", "stretch": "stretched"}[spec.fitted]
    size = f"{spec.width}x{spec.height} {colours}"
    return f"{size}, {numbers}{f' ({near})' if near else ''}, images of another size {brought}"


def usual(spec: InputSpec) -> dict[str, tuple[Numbers, Numbers]]:
    """The usual preprocessings of as many channels, by name, each in the order of `spec`."""
    names = [name for name in USUAL if name != ("mnist" if spec.channels != 1 else "")]
    return {name: pair for name in names if (pair := preset(name, spec)) is not None}


def preset(name: str, spec: InputSpec) -> tuple[Numbers, Numbers] | None:
    """(mean, std) of a usual preprocessing; None where it has other channels. Grey takes ImageNet's mean."""
    mean, std = USUAL[name]
    if len(mean) == spec.channels or len(mean) == 1:
        return (mean[::-1], std[::-1]) if spec.order == "bgr" else (mean, std)
    if spec.channels == 1:
        return (sum(mean) / len(mean),), (sum(std) / len(std),)
    return None


def _size(stated: Stated) -> tuple[int, int] | None:
    """(height, width)."""
    if stated.size in ("", 0):
        return None
    text = _text(stated.size).lower().replace("×", "x")
    sides = text.split("x")
    if not all(side.strip().isdigit() and int(side) > 0 for side in sides) or len(sides) > 2:
        raise BadOption(f"A size is pixels: 32, or width x height as 320x240. Got {_text(stated.size)!r}.")
    return int(sides[-1]), int(sides[0])


def _channels(stated: Stated) -> tuple[int, Literal["rgb", "bgr"]] | None:
    word = _text(stated.channels).lower()
    if not word:
        return None
    word = {"gray": "grey", "1": "grey", "3": "rgb"}.get(word, word)
    if word.isdigit() and int(word):
        return int(word), "rgb"
    if word not in CHANNELS:
        raise BadOption(f"channels are rgb, bgr or grey. Got {_text(stated.channels)!r}. Write --channels bgr.")
    return CHANNELS[word], "bgr" if word == "bgr" else "rgb"


def _fit(stated: Stated) -> tuple[int | None, str] | None:
    """(resize, fit) of an InputSpec."""
    if not stated.fit:
        return None
    word, colon, side = stated.fit.lower().partition(":")
    if word not in FITS or (colon and (word != "crop" or not side.isdigit() or not int(side))):
        raise BadOption(f"fit is stretch, crop, crop:256 or letterbox. Got {stated.fit!r}. Write --fit crop:256.")
    return (int(side), "") if colon else (None, "" if word == "stretch" else word)


def _pixels(stated: Stated, spec: InputSpec) -> tuple[Numbers, Numbers] | None:
    """(mean, std), by number or by name; what is not stated of the two is as `spec` has it. Raises BadOption."""
    name = _text(stated.mean).lower()
    if name in USUAL:
        found = preset(name, spec if spec.channels else replace(spec, channels=3))
        if found is None or (stated.std != "" and not _same(found[1], numbers("std", stated.std))):
            raise BadOption(
                f"--mean {name} has the std {_numbers_shown(USUAL[name][1])}, one for all channels or each of"
                f" {len(USUAL[name][1])}. Got std {_text(stated.std) or 'none'} for {spec.channels or 3} channels."
                " Leave out --std, or give numbers for both."
            )
        return found
    formula = FORMULA.fullmatch(name) if stated.std == "" else None
    mean, std = numbers("mean", "" if formula else stated.mean) or spec.mean, numbers("std", stated.std) or spec.std
    if formula:
        mean, std = (float(formula[1]) / BYTE,), (float(formula[2]) / BYTE,)
    if stated.mean == "" and stated.std == "":
        return None
    if not mean or not std:
        lacks = "std" if mean else "mean"
        raise BadOption(f"mean and std go together, and {lacks} is missing. Give --{lacks} too, as in {TYPE}.")
    if max(map(abs, mean)) > OF_BYTES or max(std) > OF_BYTES:
        typed = (_numbers_shown(tuple(v / BYTE for v in values)) for values in (mean, std))
        raise BadOption(
            "mean {} and std {} are of pixels in 0..255, and of pixels / 255 were expected: --mean {} --std {}.".format(
                _numbers_shown(mean), _numbers_shown(std), *typed
            )
        )
    wide = spec.channels or max(len(mean), len(std))
    if any(len(values) not in (1, wide) for values in (mean, std)) or min(std) <= 0:
        raise BadOption(
            f"Expected one mean and std, or one for each of {wide} channels, with every std above 0."
            f" Got mean {_numbers_shown(mean)} and std {_numbers_shown(std)}: {TYPE}."
        )
    return mean, std


def numbers(name: str, said: Words) -> Numbers:
    """`0.485,0.456,0.406`, with colons for commas, or numbers themselves; none for nothing. Raises BadOption."""
    if said == "":
        return ()
    parts = said.replace(":", ",").split(",") if isinstance(said, str) else said if isinstance(said, tuple) else (said,)
    try:
        found = tuple(float(Fraction(part) if isinstance(part, str) else part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        found = (math.nan,)
    if not found or not all(map(math.isfinite, found)):
        names = f", or a name: {', '.join(USUAL)}" if name == "mean" else ""
        raise BadOption(
            f"--{name} takes numbers of pixels / 255, one or one a channel, as 0.485,0.456,0.406{names}."
            f" Got {_text(said)!r}."
        )
    return found


def are_bytes(mean: Numbers, std: Numbers) -> bool:
    """Whether quantizing the normalised input to 8 bits gives back the bytes: one mean, a whole byte value, one std."""
    whole = mean[0] * BYTE
    return len({*mean}) == len({*std}) == 1 and abs(whole - round(whole)) < 1e-4 and 0 <= round(whole) <= BYTE
