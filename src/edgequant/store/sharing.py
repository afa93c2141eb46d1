"""A run folder that several processes fill: the run that holds it, and the workers that it let in.

What must hold: no two processes make one step at a time, and no worker of a run that was killed still writes
when the next run begins. A worker holds the lock `workers`, shared with its like, for as long as it works, and
each step that it makes. A run lets nobody in before every worker of the one before it is gone: it waits for
`workers`, alone. A worker that comes later than that finds another run's token in `.lock`, and goes.

    .lock                   of the run (flock); holds its process and token
    steps/.locks/workers    of its workers together
    steps/.locks/NAME       of the worker that makes the step NAME; the folder goes when the workers are gone

On several machines the folder is a file system that all of them see, and that carries locks (as NFS 4 does).
"""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import RunFolderError
from .disk import remove, writing
from .locks import held, take

LOCKS = ".locks"
WORKERS = "workers"
PATIENCE_S = 10.0  # a killed process takes a moment to give its memory back, and with it its locks


def join(path: Path, token: str) -> int:
    """Become a worker of the run that holds the folder `path`; the descriptor that says so, until it is closed.

    Raises RunFolderError where that run has ended, or the folder is not there.
    """
    with writing(path):
        descriptor = take(path / "steps" / LOCKS / WORKERS, shared=True, patience_s=PATIENCE_S)
        holder = (path / ".lock").read_text().partition(" ")[2]
    if holder == token:
        return descriptor
    os.close(descriptor)
    raise RunFolderError(
        f"The run that asked for this work no longer holds {path}. Expected one that is under way, in a folder that"
        " this machine sees under the same path. Start it again."
    )


def open_to_workers(steps: Path) -> None:
    """Raises OSError."""
    (steps / LOCKS).mkdir(exist_ok=True)


def await_workers(steps: Path) -> None:
    """Wait until no worker is left, and forget their locks. Raises RunFolderError where they do not end."""
    locks = steps / LOCKS
    if not locks.is_dir():
        return
    try:
        with held(locks / WORKERS, PATIENCE_S):
            remove(locks)
    except BlockingIOError as error:
        raise RunFolderError(
            f"Workers of an earlier run still write to {steps.parent}. Wait until they end, stop them, or pass another"
            " folder with --out DIR."
        ) from error
