"""A finished file by its path alone: which target opens it, what it takes, and what its answers are called."""

from __future__ import annotations

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

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what it takes. Raises BadFile where that is no single image."""
        return self.inputs.shape if self.inputs else self.backend.entry(self.path).shape

    def label(self, index: int) -> str:
        return self.classes[index] if index < len(self.classes) else str(index)


def _endings() -> dict[str, str]:
    """Ending -> the target that opens such files, the longest first: `.micro.tflite` is no `.tflite`."""
    endings = {BACKENDS.get(name).capability.suffix: name for name in BACKENDS}
    return {ending: endings[ending] for ending in sorted(filter(None, endings), key=len, reverse=True)}


def is_finished(path: Path) -> bool:
    """Whether the name is that of a finished file, one that some target opens."""
    return path.name.lower().endswith(tuple(_endings()))


def target_for(path: Path) -> str:
    """The target that opens a file, by its ending. Raises BadFile."""
    endings = _endings()
    target = next((target for ending, target in endings.items() if path.name.lower().endswith(ending)), None)
    if target is not None:
        return target
    known = ", ".join(sorted({Path(f"x{ending}").suffix for ending in endings}))
    if path.is_dir():
        lying = sorted(str(one) for one in (*path.iterdir(), *path.glob("artifacts/*")) if is_finished(one))
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
        inputs = None
        if "mean" in record:  # edgequant's record has the shape too; beside another tool's mean and std the tensor has
            foreign = record.keys() == {"mean", "std"}
            channels, height, width = backend.entry(path).shape if foreign else record["shape"]
            inputs = from_pixel_record((channels, height, width), record)
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
    spec = merged(InputSpec(*found.shape, mean=(), std=()), stated, str(file.path))
    return settled(replace(spec, mean=pixels[0] or spec.mean, std=pixels[1] or spec.std), str(file.path))
