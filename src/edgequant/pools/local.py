"""Processes of this machine, each started anew (no fork), that do one task after another."""

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
from .pool import AbstractPool, Task
from .turns import Turns

GOING_S = 10.0  # between the end of a process's talk and its own
TAIL = 2000  # bytes of what a process printed last, in which its last words are looked for


@final
@dataclass(frozen=True)
class Local(AbstractPool):
    """A process is started when there is a task for it, and another in its place where it dies."""

    def work(
        self, tasks: Sequence[Task], workers: int, progress: AbstractProgress
    ) -> Mapping[str, EdgequantError | None]:
        turns, crew = Turns(tasks, progress), list[Worker]()
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
    """A task for each worker that has none, and for new ones up to `workers`."""
    while any(worker.task is None for worker in crew) or len(crew) < workers:
        task = turns.next()
        if task is None:
            return
        free = next((worker for worker in crew if worker.task is None), None)
        if free is None:
            crew.append(free := Worker(progress))
        free.begin(task)


def _hear(worker: Worker, turns: Turns, crew: list[Worker]) -> None:
    """One message of a worker; or its death."""
    try:
        kind, *content = worker.link.recv()
    except (EOFError, OSError):
        kind, content = "crashed", [worker.end(GOING_S)]
        crew.remove(worker)
    if kind not in ("done", "crashed"):
        worker.show(kind, content)
    elif worker.task:
        task, worker.task = worker.task, None
        (turns.done if kind == "done" else turns.died)(task, content[0])


@final
class Worker:
    """One process, its task, and the bars that it draws."""

    def __init__(self, progress: AbstractProgress) -> None:
        self.task: Task | None = None
        self._progress = progress
        self._bars: dict[int, tuple[AbstractContextManager[Tick], Tick]] = {}
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _start(theirs.fileno(), self._printed)
        self.link: Connection[Any, Any] = Connection(ours.detach())

    def begin(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # it died before: the next message tells
            self.link.send(task)

    def show(self, kind: str, content: list[Any]) -> None:
        if kind == "say":
            self._progress.say(f"{self.task.name if self.task else ''}: {content[0].strip()}")
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
        with self._printed:
            return _why(status, _last_line(self._printed))


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


def _why(status: int, last: str) -> str:
    if status < 0:
        hint = ", as the system does where memory runs out" if signal.Signals(-status).name == "SIGKILL" else ""
        return f"its process was killed by {signal.Signals(-status).name}{hint}"
    return f"its process ended with status {status}" + (f" ({last})" if last else "")


def _last_line(printed: IO[bytes]) -> str:
    printed.seek(max(0, printed.seek(0, os.SEEK_END) - TAIL))
    lines = printed.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
