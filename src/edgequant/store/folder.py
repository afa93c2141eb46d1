"""The run folder: one run at a time, and work that was finished is never done twice.

A *step* is a piece of work named by what it depends on. Its folder appears under its final name by one
atomic rename, after everything in it is on disk, so a run that is killed, or finds the disk full, leaves
either the whole step or nothing that the next run would trust:

    .lock                     held (flock) while a run lives; the kernel lets go of it, even after SIGKILL
    files.json                which of the other files are the run's (belongings.py)
    steps/.locks/             while workers share the folder (sharing.py)
    steps/qat-1f0c.../        what the step wrote, and value.json: what it returned and each file's checksum
    steps/.tmp-qat-1f0c...    being made; removed by the next run
    steps/.work-qat-1f0c...   being made by a step that resumes from its own checkpoints; kept until it is done
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, final

from ..core.errors import BadFile, RunFolderError
from .belongings import MANIFEST, claimed, discard
from .disk import canonical, clean, read_json, refused, remove, sha256, sync, write_json, writing
from .locks import held, take
from .sharing import LOCKS, await_workers, join, open_to_workers

__all__ = ["Kept", "RunFolder", "clean", "read_json", "step_key", "write_json"]

STEP_FORMAT = 2  # part of every key: raise it when the meaning of what steps keep changes
VALUE = "value.json"
RESULTS = ("results.json", "report.html", "report.md", "report.pdf", "study.toml")  # `fresh` removes these too
FULL_BYTES = 1 << 20  # with less than this free, a failure to write is blamed on the disk
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}

log = logging.getLogger(__name__)


@final
@dataclasses.dataclass(frozen=True)
class Kept:
    """What a finished step left: its files, what it returned as JSON gives it back; and whether it was there before."""

    folder: Path
    value: dict[str, Any]
    key: str
    cached: bool


@final
class RunFolder:
    """A folder that one run holds: `with RunFolder(path) as run: run.step(...)`.

    `fresh` removes the steps and results of earlier runs; other files, and a folder in which no run has
    ever been, are left alone. `joins` is the token of a run under way: its worker shares the folder with it.
    Entering raises RunFolderError where the folder cannot be written, or is held.
    """

    def __init__(self, path: Path, fresh: bool = False, joins: str = "") -> None:
        self.path = path
        self.steps = path / "steps"
        self._fresh = fresh
        self._joins = joins
        self._token = secrets.token_hex(8)
        self._lock: int | None = None

    def __enter__(self) -> RunFolder:
        if self._joins:
            self._lock = join(self.path, self._joins)
            return self
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            known = (self.path / ".lock").exists()
            self._lock = _lock(self.path / ".lock", self._token)
        try:
            with writing(self.path):
                self._tidy(self._fresh and known)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    @contextmanager
    def shared(self) -> Iterator[str]:
        """While the block runs, workers may make steps here: it gets what they join by, and makes none itself.

        Raises RunFolderError where they do not end with it.
        """
        with writing(self.path):
            open_to_workers(self.steps)
        try:
            yield self._token
        finally:
            with writing(self.path):
                self._tidy(fresh=False)

    def step(
        self, name: str, inputs: Mapping[str, Any], make: Callable[[Path], dict[str, Any]], scratch: bool = False
    ) -> Kept:
        """Do the work `make(folder)`, unless a run before did it with the same name and inputs.

        `inputs` is all that the work depends on, and `make` returns a dict; both as JSON can hold them (`clean`).
        What `make` leaves in its folder is kept (the name value.json is taken). With `scratch` the folder
        survives a kill or an error, so that `make` finds its checkpoints again; it should delete them when done.
        Raises RunFolderError where the disk refuses, and whatever `make` raises.
        """
        assert self._lock is not None, "a step needs the folder's lock: enter the RunFolder first"
        key = step_key(name, inputs)
        stem = f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)[:80]}-{key[:16]}"
        final_folder = self.steps / stem
        head = {"name": name, "inputs": clean(inputs), "key": key}
        with self._alone(stem):
            with writing(self.path):
                value = _kept(final_folder, key)
            cached = value is not None
            if value is None:
                working = self.steps / (f".work-{stem}" if scratch else f".tmp-{stem}")
                value = self._made(working, final_folder, make, head, scratch)
        return Kept(final_folder, value, key, cached)

    def _alone(self, stem: str) -> AbstractContextManager[None]:
        """No other worker looks at the step meanwhile, and one that waited finds it made.

        A step is made with the help of others, these of others again, and none of itself: so no two workers that
        hold one step each wait for the other's.
        """
        return held(self.steps / LOCKS / stem) if self._joins else nullcontext()

    def _made(
        self,
        working: Path,
        final_folder: Path,
        make: Callable[[Path], dict[str, Any]],
        head: dict[str, Any],
        scratch: bool,
    ) -> dict[str, Any]:
        """The step made in `working`, and moved to its name when it is whole."""
        if not scratch:  # a worker that died may have left it
            remove(working)
        try:
            value = _make(working, make, head, self.path)
            with writing(self.path):
                working.rename(final_folder)
                sync(self.steps)
        finally:
            if not scratch:
                shutil.rmtree(working, ignore_errors=True)
        return value

    def _tidy(self, fresh: bool) -> None:
        """Remove what killed runs left half made, and with `fresh` what earlier runs finished."""
        await_workers(self.steps)
        if fresh:
            remove(self.steps)
            for name, digest in claimed(self.path).items():
                discard(self.path / name, digest)
            remove(self.path / MANIFEST)
            for old in [found for pattern in RESULTS for found in self.path.glob(pattern)]:
                remove(old)
        self.steps.mkdir(exist_ok=True)
        for torn in [*self.path.glob(".tmp-*"), *self.steps.glob(".tmp-*")]:
            remove(torn)


def step_key(name: str, inputs: Mapping[str, Any], version: int = 0) -> str:
    """sha256 of the canonical JSON of what names a step; `version` 0 is that of today."""
    what = {"name": name, "inputs": inputs, "format": version or STEP_FORMAT}
    return hashlib.sha256(canonical(what).encode()).hexdigest()


def _lock(path: Path, token: str) -> int:
    """The descriptor that holds the lock. Raises RunFolderError, naming the process that has it."""
    try:
        descriptor = take(path)
    except BlockingIOError as error:
        holder = path.read_text().partition(" ")[0] or "unknown"
        raise RunFolderError(
            f"Another run (process {holder}) is writing to {path.parent}."
            " Wait until it ends, stop it, or pass another folder with --out DIR."
        ) from error
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()} {token}".encode())
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _make(working: Path, make: Callable[[Path], dict[str, Any]], head: dict[str, Any], run: Path) -> dict[str, Any]:
    """Run `make` and seal its folder: everything on disk, value.json last."""
    with writing(run):
        working.mkdir(exist_ok=True)
        for torn in [working / VALUE, *working.glob(".tmp-*")]:  # of a run that was killed while it sealed this
            remove(torn)
    try:
        value = make(working)
    except OSError as error:
        if error.errno in DISK:
            raise refused(run, error) from error
        raise
    except Exception as error:  # torch and onnx report a full disk as errors of their own
        if shutil.disk_usage(run).free < FULL_BYTES:
            raise refused(run, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from error
        raise
    if (working / VALUE).exists():
        raise RunFolderError(f"The step {head['name']!r} wrote a file named {VALUE}. Expected any other name.")
    with writing(run):
        inside = sorted(working.rglob("*"))
        for path in inside:
            sync(path)
        files = {
            str(path.relative_to(working)): {"bytes": path.stat().st_size, "sha256": sha256(path)}
            for path in inside
            if path.is_file()
        }
        write_json(working / VALUE, {**head, "value": value, "files": files})
    return dict(read_json(working / VALUE)["value"])


def _kept(folder: Path, key: str) -> dict[str, Any] | None:
    """What the finished step in `folder` returned; None, and no folder, where there is none or it is damaged."""
    if not folder.exists():
        return None
    try:
        record = read_json(folder / VALUE)
        damage = "" if record["key"] == key else "its key is another"
        damage = damage or next(_differences(folder, record["files"]), "")
        value = dict(record["value"])
    except (BadFile, AttributeError, KeyError, TypeError, ValueError) as error:
        damage = f"its {VALUE} is torn ({error})"
    if not damage:
        return value
    log.warning("The kept step %s is damaged (%s) and is made again.", folder.name, damage)
    remove(folder)
    return None


def _differences(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, want in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif path.stat().st_size != want["bytes"]:
            yield f"{name} has {path.stat().st_size} bytes of {want['bytes']}"
        elif sha256(path) != want["sha256"]:
            yield f"{name} has another checksum"
