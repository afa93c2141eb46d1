"""Charts drawn and pages set by a process of their own.

vl-convert and typst start threads that live as long as their process. A process that was forked from such a one has
the locks of those threads without the threads, and waits for them for ever. So the caller's process never loads them:
a program that forks may make reports before and after.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import IO, Any, final

from ...core.errors import EdgequantError

LIMIT_S = 300.0  # for one thing that is asked; charts take a tenth of a second
GOING_S = 10.0


@final
class Drawer:
    """The process, started when it is first asked for a function of drawing_worker.py by name."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._started: tuple[subprocess.Popen[bytes], Connection[Any, Any], IO[bytes]] | None = None

    def ask(self, name: str, *arguments: Any) -> Any:
        """What the function gives. Raises EdgequantError where it fails, or its process does."""
        self._started = self._started or _start()
        _, link, _ = self._started
        try:
            link.send((name, arguments))
            if not link.poll(LIMIT_S):
                raise EdgequantError(f"A chart of the report was not drawn within {LIMIT_S:g} s. {_AGAIN}")
            answered, value = link.recv()
        except (EOFError, OSError) as error:
            why = self.end(GOING_S)
            raise EdgequantError(f"The process that draws the report's charts ended ({why}). {_AGAIN}") from error
        if not answered:
            raise EdgequantError(f"The report could not be drawn ({name}): {value}. {_AGAIN}")
        return value

    def end(self, patience_s: float = 0.0) -> str:
        """Kill the process, unless it goes by itself in time. Why it ended."""
        if self._started is None:
            return ""
        process, link, printed = self._started
        self._started = None
        link.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
        process.kill()
        with printed:
            status, _ = process.wait(), printed.seek(0)
            return f"status {status}" + f": {' '.join(printed.read().decode(errors='replace').split())[-200:]}"


_AGAIN = "What was measured is in results.json: draw it again with edgequant report DIR."
_drawers: list[Drawer] = []


@contextmanager
def at_hand() -> Iterator[None]:
    """One process for all that is asked in the block; within another such block, that one's."""
    if _here() is not None:
        yield
        return
    drawer = Drawer()
    _drawers.append(drawer)
    try:
        yield
    finally:
        _drawers.remove(drawer)
        drawer.end()


def ask(name: str, *arguments: Any) -> Any:
    """See `Drawer.ask`; of the process at hand, or of one for this alone."""
    with at_hand():
        drawer = _here()
        assert drawer is not None
        return drawer.ask(name, *arguments)


def _here() -> Drawer | None:
    """Not that of a process from which this one was forked: two would talk over one line."""
    return next((one for one in reversed(_drawers) if one.owner == os.getpid()), None)


def _start() -> tuple[subprocess.Popen[bytes], Connection[Any, Any], IO[bytes]]:
    """The process, the line to it, and what it prints. It finds its modules where this process does."""
    printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgequant.report.charts.drawing_worker", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            pass_fds=(theirs.fileno(),),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    return process, Connection(ours.detach()), printed
