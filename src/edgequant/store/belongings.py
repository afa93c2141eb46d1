"""Which files of a run folder are the run's, so that none of an earlier run lies beside them.

A run claims each file before it writes it, and `files.json` says so at once: also of a run that is killed the next one
knows what is not the user's. When a run is done, the files that earlier runs claimed and that it did not write go;
what nobody claimed, or what the user has changed since, stays. The steps are not among them: they serve later runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import BadFile
from .disk import read_json, remove, sha256, write_json, writing

MANIFEST = "files.json"

_open: list[_Belongings] = []  # of the runs under way in this process


class _Belongings:
    """The claims of one run. `earlier`: file -> its sha256 when its run ended; empty where that was killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.earlier = claimed(folder)
        self.now: set[str] = set()

    def claim(self, paths: tuple[Path, ...]) -> None:
        """Those that lie in this run's folder."""
        where = [path.parent.resolve() / path.name for path in paths]
        names = {str(path.relative_to(self.folder)) for path in where if path.is_relative_to(self.folder)}
        if not names <= self.now:
            self.now |= names
            self._write({**self.earlier, **dict.fromkeys(self.now, "")})

    def close(self) -> None:
        for name, digest in self.earlier.items():
            if name not in self.now:
                discard(self.folder / name, digest)
        there = sorted(name for name in self.now if (self.folder / name).is_file())
        self._write({name: sha256(self.folder / name) for name in there})

    def _write(self, files: dict[str, str]) -> None:
        write_json(self.folder / MANIFEST, {"files": files})


@contextlib.contextmanager
def belongings(folder: Path) -> Iterator[None]:
    """Files claimed in the block are the run's; when it ends well, those of earlier runs go. Raises RunFolderError."""
    claims = _Belongings(folder)
    _open.append(claims)
    try:
        yield
        with writing(folder):
            claims.close()
    finally:
        _open.remove(claims)


def claim(*paths: Path) -> None:
    """Before files are written: they belong to the run under way in their folder, if any. Raises RunFolderError."""
    for claims in _open:
        claims.claim(paths)


def claimed(folder: Path) -> dict[str, str]:
    """File -> its sha256 when its run ended, of the runs that this folder has seen; nothing where none said so."""
    try:
        files = read_json(folder / MANIFEST)["files"]
        return {str(name): str(digest) for name, digest in files.items()}
    except (BadFile, KeyError, AttributeError):
        return {}


def discard(path: Path, digest: str) -> None:
    """A file of an earlier run, as long as it is as that run left it; and its folder, where nothing else is in it."""
    if path.is_symlink() or not path.is_file() or (digest and sha256(path) != digest):
        return
    remove(path)
    with contextlib.suppress(OSError):  # not empty, or the run folder itself
        path.parent.rmdir()
