"""Files that are whole or absent."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .errors import RunFolderError
from .records import Artifact


def write_bytes(path: Path, data: bytes) -> None:
    """Write and rename, so that a reader never sees half a file. Raises RunFolderError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunFolderError(
            f"{path} cannot be written: {error.strerror}. Free some space or give another --out."
        ) from error


def write_artifact(path: Path, data: bytes) -> Artifact:
    write_bytes(path, data)
    return artifact(path)


def artifact(path: Path) -> Artifact:
    """The record of a file that is there."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return Artifact(path, digest.hexdigest(), path.stat().st_size)
