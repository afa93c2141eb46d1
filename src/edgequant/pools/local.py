"""Processes of this machine, each started anew (no fork), that do one errand after another."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import IO, Any, final

from ..core.errors import EdgequantError
from ..core.progress import AbstractProgress, Tick
from .pool import AbstractPool, Errand
from .turns import Turns

GOING_S = 10.0  # between the end of a process's talk and its own
TAIL = 2000  # bytes of what a process printed last, in which its last words are looked for


@final
@dataclass(frozen=True)
class Local(AbstractPool):
    """A process is started when there is an errand for it, and another in its place where it dies."""

    def work(
        self, errands: Sequence[Errand], workers: int, progress: AbstractProgress
    ) -> Mapping[str, EdgequantError | None]:
        turns, crew = Turns(errands, progress), list[Worker]()
        try:
            while not turns.over:
                _hand_out(turns, crew, workers, progress)
                ready = wait([worker.link for worker in crew])
                for worker in [one for one in crew if one.link in ready]:
                    _hear(worker, turns, crew)
            return turns.ended
        finally:
            for worker in crew:
                worker.end()


def _hand_out(turns: Turns, crew: list[Worker], workers: int, progress: AbstractProgress) -> None:
    """An errand for each worker that has none, and for new ones up to `workers`."""
    while any(worker.errand is None for worker in crew) or len(crew) < workers:
        errand = turns.next()
        if errand is None:
            return
        free = next((worker for worker in crew if worker.errand is None), None)
        if free is None:
            crew.append(free := Worker(progress))
        free.begin(errand)


def _hear(worker: Worker, turns: Turns, crew: list[Worker]) -> None:
    """One message of a worker; or its death."""
    try:
        kind, *content = worker.link.recv()
    except (EOFError, OSError):
        kind, content = "crashed", [worker.end(GOING_S)]
        crew.remove(worker)
    if kind not in ("done", "crashed"):
        worker.show(kind, content)
    elif worker.errand:
        errand, worker.errand = worker.errand, None
        (turns.done if kind == "done" else turns.died)(errand, content[0])


@final
class Worker:
    """One process, its errand, and the bars that it draws."""

    def __init__(self, progress: AbstractProgress) -> None:
        self.errand: Errand | None = None
        self._progress = progress
        self._bars: dict[int, tuple[AbstractContextManager[Tick], Tick]] = {}
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs.fileno(), self._printed)
        self.link: Connection[Any, Any] = Connection(ours.detach())

    def begin(self, errand: Errand) -> None:
        self.errand = errand
        with suppress(OSError):  # it died before: the next message tells
            self.link.send(errand)

    def show(self, kind: str, content: list[Any]) -> None:
        if kind == "say":
            self._progress.say(f"{self.errand.name if self.errand else ''}: {content[0].strip()}")
        elif kind == "log":
            name, level, text = content
            logging.getLogger(name).log(level, text)
        elif kind == "open":
            bar = self._progress.task(content[1])
            self._bars[content[0]] = (bar, bar.__enter__())
        elif kind == "tick":
            self._bars[content[0]][1](content[1], content[2])
        else:
            self._bars.pop(content[0])[0].__exit__(None, None, None)

    def end(self, patience_s: float = 0.0) -> str:
        """Kill the process, unless it goes by itself in time; take its bars away. Why it ended."""
        self.link.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_s)
        self._process.kill()
        status = self._process.wait()
        while self._bars:
            self._bars.popitem()[1][0].__exit__(None, None, None)
        with self._printed as printed:
            printed.seek(max(0, printed.seek(0, os.SEEK_END) - TAIL))
            lines = printed.read().decode(errors="replace").strip().splitlines()
        if status < 0:
            hint = ", as the system does where memory runs out" if signal.Signals(-status).name == "SIGKILL" else ""
            return f"its process was killed by {signal.Signals(-status).name}{hint}"
        return f"its process ended with status {status}" + (f" ({lines[-1]})" if lines else "")


def _start(descriptor: int, printed: IO[bytes]) -> subprocess.Popen[bytes]:
    """It finds its modules where this process does."""
    return subprocess.Popen(
        [sys.executable, "-m", "edgequant.pools.worker", str(descriptor), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=printed,
        stderr=printed,
        pass_fds=(descriptor,),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
