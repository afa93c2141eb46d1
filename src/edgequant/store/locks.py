"""Locks between processes, on files: the kernel lets go of them when their holder ends, even by SIGKILL."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import portalocker

POLL_S = 0.01


def take(path: Path, shared: bool = False, patience_s: float | None = 0.0) -> int:
    """The descriptor that holds the lock of `path`, which is made where it is not there; closing it lets go.

    Many may hold it `shared`, one alone otherwise. Waits `patience_s` for others to let go, None for ever.
    Raises BlockingIOError where they did not, and OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    kind = portalocker.LockFlags.SHARED if shared else portalocker.LockFlags.EXCLUSIVE
    deadline = None if patience_s is None else time.monotonic() + patience_s
    try:
        while True:
            try:
                portalocker.lock(descriptor, kind | portalocker.LockFlags.NON_BLOCKING)
                return descriptor
            except portalocker.AlreadyLocked as error:
                if deadline is not None and time.monotonic() >= deadline:
                    raise BlockingIOError(f"{path} is held by another process") from error
            except portalocker.LockException as error:  # a file system without locks, for one
                raise OSError(f"{path} cannot be locked: {error}") from error
            time.sleep(POLL_S)
    except BaseException:
        os.close(descriptor)
        raise


@contextlib.contextmanager
def held(path: Path, patience_s: float | None = None) -> Iterator[None]:
    """The lock of `path`, alone, for as long as the block runs. Raises as `take`."""
    descriptor = take(path, patience_s=patience_s)
    try:
        yield
    finally:
        os.close(descriptor)
