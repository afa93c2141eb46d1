"""A finished file by its path alone: which target opens it, what it takes, and what its answers are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..backends.contract import AbstractBackend
from ..catalog import BACKENDS
from ..core.errors import BadFile
from ..core.foreign import reads
from ..core.image import InputSpec
from ..core.pixels import NOTHING, Stated, merged, raw_bytes, settled
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
        inputs = from_pixel_record(_shape(path, backend, record), record) if "mean" in record else None
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
    found = file.backend.entry(file.path)
    raw = found.type in ("int8", "uint8") and found.scale and stated.mean == "" and stated.std == ""
    pixels = raw_bytes(found.scale, found.zero_point, found.type) if raw else ((), ())
    spec = merged(InputSpec(*found.shape, (), ()), stated, str(file.path))
    return settled(replace(spec, mean=pixels[0] or spec.mean, std=pixels[1] or spec.std), str(file.path))


def _shape(path: Path, backend: AbstractBackend, record: Mapping[str, Any]) -> tuple[int, int, int]:
    """(C, H, W): as edgequant wrote it, or, beside another tool's mean and std, of the input tensor itself."""
    if record.keys() != {"mean", "std"}:
        channels, height, width = record["shape"]
        return channels, height, width
    return backend.entry(path).shape
