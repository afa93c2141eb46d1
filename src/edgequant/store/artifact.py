"""The record of a file that ships."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .disk import sha256, write_bytes, writing


@dataclass(frozen=True)
class Artifact:
    """A file as it ships."""

    path: Path
    sha256: str
    bytes: int


def write_artifact(path: Path, data: bytes) -> Artifact:
    """Whole or not at all, in a folder that is made where there is none. Raises RunFolderError."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
    return artifact(path)


def artifact(path: Path) -> Artifact:
    """The record of a file that is there."""
    return Artifact(path, sha256(path), path.stat().st_size)
