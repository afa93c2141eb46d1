"""Charts drawn and pages set by a process of their own.

vl-convert and typst start threads that live as long as their process. A process that was forked from such a one has
the locks of those threads without the threads, and waits for them for ever. So the caller's process never loads them:
a program that forks may make reports before and after.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, final

from ...core.errors import EdgequantError

LIMIT_S = 300.0  # for one thing that is asked; charts take a tenth of a second
GOING_S = 10.0


@final
class Drawer:
    """The process, started when it is first asked for a function of drawing_worker.py by name."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._started: tuple[subprocess.Popen[bytes], IO[bytes]] | None = None

    def ask(self, name: str, *arguments: Any) -> Any:
        """What the function gives. Raises EdgequantError where it fails, or its process does."""
        self._started = self._started or _start()
        process, _ = self._started
        assert process.stdin and process.stdout
        # pipes, as every system has them, cannot be waited for with a limit everywhere: a clock ends the process
        clock = threading.Timer(LIMIT_S, process.kill)
        clock.start()
        try:
            pickle.dump((name, arguments), process.stdin)
            process.stdin.flush()
            answered, value = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            late, why = not clock.is_alive(), self.end(GOING_S)
            if late:
                raise EdgequantError(f"A chart of the report was not drawn within {LIMIT_S:g} s. {_AGAIN}") from error
            raise EdgequantError(f"The process that draws the report's charts ended ({why}). {_AGAIN}") from error
        finally:
            clock.cancel()
        if not answered:
            raise EdgequantError(f"The report could not be drawn ({name}): {value}. {_AGAIN}")
        return value

    def end(self, patience_s: float = 0.0) -> str:
        """Kill the process, unless it goes by itself in time. Why it ended."""
        if self._started is None:
            return ""
        process, printed = self._started
        self._started = None
        assert process.stdin and process.stdout
        with suppress(OSError):  # it is gone, and something is left to be sent
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
        process.kill()
        with printed, process.stdout:
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


def _start() -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """The process and what it prints. It finds its modules where this process does."""
    printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
    process = subprocess.Popen(
        [sys.executable, "-m", "edgequant.report.charts.drawing_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=printed,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return process, printed
