"""A finished file by its path alone: which target opens it, what it takes, and what its answers are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.contract import AbstractBackend
from ..catalog import BACKENDS
from ..core.errors import BadFile
from ..core.foreign import reads
from ..core.image import InputSpec
from ..core.pixels import NOTHING, Stated, merged, settled
from ..core.preprocess import from_pixel_record

SHOWN = 6  # files of a folder


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
    if path.is_dir():
        found = [*path.iterdir(), *path.glob("artifacts/*")]
        lying = sorted(str(one) for one in found if one.name.lower().endswith(tuple(filter(None, endings))))
        hint = f" In it: {', '.join(lying[:SHOWN])}." if lying else ""
        raise BadFile(f"{path} is a folder. Expected a file: {known}.{hint}")
    raise BadFile(f"{path} ends in {path.suffix or 'nothing'}; edgequant opens {known}.")


@reads("a file of a network")
def open_file(path: Path) -> OpenFile:
    """Raises BadFile."""
    target = target_for(path)
    backend: AbstractBackend = BACKENDS.build(target)
    record = dict(backend.inspect(path)["metadata"])
    try:
        inputs = from_pixel_record(_shape(path, target, backend, record), record) if "mean" in record else None
        classes = tuple(map(str, record.get("classes") or ()))
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(f"{path}: edgequant's metadata in it cannot be read: {error!r}. Make the file again.") from error
    return OpenFile(path, target, backend, inputs, classes, record)


def spec_for(file: OpenFile, stated: Stated = NOTHING) -> InputSpec:
    """What the file takes: by its metadata, or, for another tool's file, as `stated`; both must agree.

    An 8-bit input of a file without metadata takes raw bytes, unless told otherwise.
    Raises BadOption, and BadModel for a float input of which nothing says how pixels become it.
    """
    if file.inputs is not None:
        return merged(file.inputs, stated, str(file.path))
    found = entry(file)
    raw = found.type in ("int8", "uint8") and found.scale and stated.mean == "" and stated.std == ""
    pixels = _raw(found) if raw else ((), ())
    spec = merged(InputSpec(*found.shape, mean=(), std=()), stated, str(file.path))
    return settled(replace(spec, mean=pixels[0] or spec.mean, std=pixels[1] or spec.std), str(file.path))


def _raw(found: Entry) -> tuple[tuple[float], tuple[float]]:
    """(mean, std) with which quantizing a normalised pixel gives its byte."""
    unsigned = found.zero_point + (128 if found.type == "int8" else 0)
    return (unsigned / 255,), (1 / (255 * found.scale),)


def _shape(path: Path, target: str, backend: AbstractBackend, record: Mapping[str, Any]) -> tuple[int, int, int]:
    """(C, H, W): as edgequant wrote it, or, beside another tool's mean and std, of the input tensor itself."""
    if record.keys() != {"mean", "std"}:
        channels, height, width = record["shape"]
        return channels, height, width
    return entry(OpenFile(path, target, backend, None, (), {})).shape


def entry(file: OpenFile) -> Entry:
    """The input tensor as the runtime sees it. Raises BadFile where it is no single image."""
    return _litert_entry(file) if file.backend.capability.layout == "NHWC" else _onnx_entry(file)


def _litert_entry(file: OpenFile) -> Entry:
    from ..backends.litert.session import Session

    session = Session(file.path)
    source = session.source
    shape = [int(d) for d in source["shape"]]
    if len(shape) != 4 or shape[0] != 1:
        raise BadFile(f"{file.path} takes {shape}; one image was expected.")
    c, h, w = (shape[3], shape[1], shape[2]) if session.channels_last else shape[1:]
    scale, zero_point = source["quantization"]
    return Entry((c, h, w), np.dtype(source["dtype"]).name, float(scale), int(zero_point))


def _onnx_entry(file: OpenFile) -> Entry:
    from ..backends.onnxruntime.session import OnnxSession

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
