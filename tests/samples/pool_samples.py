"""Tasks for pools, as a worker imports them; `where` is a folder in which they leave traces."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

from edgequant.core.errors import BadData
from edgequant.core.progress import AbstractProgress
from edgequant.pools.pool import Errand


def task(function: str, where: Path, name: str = "") -> Errand:
    return Errand(name or function, f"{__name__}:{function}", where)


def traces(where: Path, name: str) -> list[str]:
    """What `_trace` left, oldest first."""
    path = where / name
    return path.read_text().split() if path.exists() else []


def _trace(where: Path, name: str, text: object) -> None:
    with (where / name).open("a") as file:
        file.write(f"{text}\n")


def notes(where: Path, _progress: AbstractProgress) -> None:
    _trace(where, "notes", os.getpid())


def dies(where: Path, _progress: AbstractProgress) -> None:
    _trace(where, "dies", os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once(where: Path, _progress: AbstractProgress) -> None:
    _trace(where, "dies_once", os.getpid())
    if len(traces(where, "dies_once")) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def leaves(_where: Path, _progress: AbstractProgress) -> None:
    print("the last words", file=sys.stderr, flush=True)
    os._exit(3)


def raises_ours(_where: Path, _progress: AbstractProgress) -> None:
    raise BadData("no images")


def raises_another(_where: Path, _progress: AbstractProgress) -> None:
    raise MemoryError


def overlaps(where: Path, _progress: AbstractProgress) -> None:
    """Dies the first time; leaves how many others are at work."""
    mark = where / f"working-{os.getpid()}"
    mark.touch()
    _trace(where, "overlaps", os.getpid())
    time.sleep(0.3)
    if len(traces(where, "overlaps")) <= 2:
        os.kill(os.getpid(), signal.SIGKILL)
    _trace(where, "together", sum(Path(f"/proc/{path.name[8:]}").exists() for path in where.glob("working-*")))
    mark.unlink()


def speaks(_where: Path, progress: AbstractProgress) -> None:
    print("lost in the noise of libraries")
    progress.say("  half way")
    with progress.task("a bar") as tick:
        for done in range(1, 1001):
            tick(done, 1000)
    logging.getLogger("edgequant.somewhere").warning("a kept step is damaged")
    warnings.warn("numbers are rounded", stacklevel=1)


def dies_with_a_bar(_where: Path, progress: AbstractProgress) -> None:
    with progress.task("a bar"):
        os.kill(os.getpid(), signal.SIGKILL)


def sleeps(where: Path, _progress: AbstractProgress) -> None:
    """For minutes, with a process of its own as `measure.memory` starts them."""
    code = "import sys, time; from edgequant.host.process import die_with"
    code += "; die_with(int(sys.argv[1])); print(flush=True); time.sleep(300)"
    with subprocess.Popen([sys.executable, "-c", code, str(os.getpid())], stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline()
        _trace(where, "sleeps", os.getpid())
        _trace(where, "sleeps", child.pid)
        time.sleep(300)
