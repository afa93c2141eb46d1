"""A finished file by its path alone: which target opens it, what it takes, and what its answers are called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..catalog import BACKENDS
from ..core.errors import BadFile, BadOption
from ..core.foreign import reads
from ..core.interfaces import AbstractBackend
from ..core.preprocess import from_pixel_record
from ..core.records import InputSpec

Pixels = tuple[float, ...] | None  # a mean or std of pixels / 255: one number, or one a channel
HOW = (
    "Give --mean and --std of pixels / 255: --mean 0 --std 0.00392156862745098 for a network that sees 0..255,"
    " --mean 0.5 --std 0.5 for -1..1, --mean 0 --std 1 for 0..1."
)


@dataclass(frozen=True)
class OpenFile:
    """`inputs` is None and `classes` are empty where the file has none of edgequant's metadata."""

    path: Path
    target: str
    backend: AbstractBackend
    inputs: InputSpec | None
    classes: tuple[str, ...]
    metadata: dict[str, Any]

    def label(self, index: int) -> str:
        return self.classes[index] if index < len(self.classes) else str(index)


@dataclass(frozen=True)
class Entry:
    """The file's input tensor: (C, H, W), its type, and what its integers mean (`scale` 0 for floats)."""

    shape: tuple[int, int, int]
    type: str
    scale: float
    zero_point: int


def target_for(path: Path) -> str:
    """The target that opens a file, by the longest ending: `.micro.tflite` is no `.tflite`. Raises BadFile."""
    endings = {BACKENDS.get(name).capability.suffix: name for name in BACKENDS}
    for ending in sorted(filter(None, endings), key=len, reverse=True):
        if path.name.lower().endswith(ending):
            return endings[ending]
    known = ", ".join(sorted({Path(f"x{BACKENDS.get(n).capability.suffix}").suffix for n in BACKENDS} - {""}))
    raise BadFile(f"{path} ends in {path.suffix or 'nothing'}; edgequant opens {known}.")


@reads("a file of a network")
def open_file(path: Path) -> OpenFile:
    """Raises BadFile."""
    target = target_for(path)
    backend: AbstractBackend = BACKENDS.build(target)
    record = dict(backend.inspect(path)["metadata"])
    try:
        inputs = from_pixel_record(record["shape"], record) if "mean" in record else None
        classes = tuple(map(str, record.get("classes") or ()))
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"{path}: edgequant's metadata in it cannot be read: {error!r}. Make the file again.") from error
    return OpenFile(path, target, backend, inputs, classes, record)


def spec_for(file: OpenFile, mean: Pixels = None, std: Pixels = None) -> InputSpec:
    """What the file takes: by its metadata, or, for another tool's file, by `mean` and `std`.

    An 8-bit input of a file without metadata takes raw bytes, unless told otherwise.
    Raises BadOption: a float input and no mean and std, or these for a file that states its own.
    """
    if file.inputs is not None:
        if mean is not None or std is not None:
            raise BadOption(f"{file.path} states its own mean and std. Leave --mean and --std out.")
        return file.inputs
    found = entry(file)
    if mean is None and std is None and found.type in ("int8", "uint8") and found.scale:
        unsigned = found.zero_point + (128 if found.type == "int8" else 0)
        return InputSpec(*found.shape, mean=(unsigned / 255,), std=(1 / (255 * found.scale),))
    if mean is None or std is None:
        raise BadOption(f"{file.path} takes {found.type} and does not say how pixels become that. {HOW}")
    _check_pixels(found.shape[0], mean, std)
    return InputSpec(*found.shape, mean=mean, std=std)


def _check_pixels(channels: int, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    fits = all(len(values) in (1, channels) for values in (mean, std))
    if not fits or not all(np.isfinite(v) for v in (*mean, *std)) or min(std) <= 0:
        raise BadOption(
            f"Expected one mean and std, or one for each of {channels} channels, with every std above 0."
            f" Got mean {mean} and std {std}. {HOW}"
        )


def entry(file: OpenFile) -> Entry:
    """The input tensor as the runtime sees it. Raises BadFile where it is no single image."""
    return _litert_entry(file) if file.backend.capability.layout == "NHWC" else _onnx_entry(file)


def _litert_entry(file: OpenFile) -> Entry:
    from ..backends.tflite.session import Session

    session = Session(file.path)
    source = session.source
    shape = [int(d) for d in source["shape"]]
    if len(shape) != 4 or shape[0] != 1:
        raise BadFile(f"{file.path} takes {shape}; one image was expected.")
    c, h, w = (shape[3], shape[1], shape[2]) if session.channels_last else shape[1:]
    scale, zero_point = source["quantization"]
    return Entry((c, h, w), np.dtype(source["dtype"]).name, float(scale), int(zero_point))


def _onnx_entry(file: OpenFile) -> Entry:
    from ..backends.onnx_session import OnnxSession

    session = file.backend.open(file.path)
    if not isinstance(session, OnnxSession):
        raise BadFile(
            f"{file.path} does not say what it takes; of {file.path.suffix} files, edgequant opens its own only."
        )
    sides = [t["shape"] for t in file.backend.inspect(file.path)["tensors"] if t["role"] == "input"]
    shape = sides[0][1:] if sides else []
    if len(shape) != 3 or not all(isinstance(d, int) and d > 0 for d in shape):
        raise BadFile(
            f"{file.path} takes {sides[0] if sides else 'nothing'}; images (N, C, H, W) of one size were expected."
        )
    border = session._input
    return Entry((shape[0], shape[1], shape[2]), np.dtype(border.dtype).name, border.scale, border.zero_point)
