"""Locks between processes, on files: the kernel lets go of them when their holder ends, even by SIGKILL."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

POLL_S = 0.01


def take(path: Path, shared: bool = False, patience_s: float | None = 0.0) -> int:
    """The descriptor that holds the lock of `path`, which is made where it is not there; closing it lets go.

    Many may hold it `shared`, one alone otherwise. Waits `patience_s` for others to let go, None for ever.
    Raises BlockingIOError where they did not, and OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _wait(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, patience_s)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def held(path: Path, patience_s: float | None = None) -> Iterator[None]:
    """The lock of `path`, alone, for as long as the block runs. Raises as `take`."""
    descriptor = take(path, patience_s=patience_s)
    try:
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, kind: int, patience_s: float | None) -> None:
    if patience_s is None:
        return fcntl.flock(descriptor, kind)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_S)
