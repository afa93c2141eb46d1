"""A process that does one errand after another: `python -m edgequant.pools.worker DESCRIPTOR PARENT`.

It talks over one socket, in pickles: errands come in; what is said, bars, log records and the end of each errand go
out. What libraries print goes where the parent put the standard streams, so it cannot disturb that talk. The process
ends when the parent does; of Ctrl-C it hears from its parent.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, final

from ..core.errors import EdgequantError
from ..core.progress import AbstractProgress, Tick
from ..host.process import die_with
from .pool import Errand

TICK_S = 0.1  # between two messages of one bar

Send = Callable[[tuple[Any, ...]], None]


@final
class Relay(AbstractProgress):
    """Progress that another process shows."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._numbers = itertools.count()

    @contextmanager
    def _task(self, text: str) -> Iterator[Tick]:
        number, shown = next(self._numbers), 0.0

        def tick(done: int, total: int) -> None:
            nonlocal shown
            if done >= total or time.monotonic() - shown >= TICK_S:
                shown = time.monotonic()
                self._send(("tick", number, done, total))

        self._send(("open", number, text))
        try:
            yield tick
        finally:
            self._send(("close", number))

    def task(self, text: str) -> AbstractContextManager[Tick]:
        return self._task(text)

    def say(self, text: str) -> None:
        self._send(("say", text))


@final
class Forward(logging.Handler):
    """Log records, warnings included, for the parent to log."""

    def __init__(self, send: Send) -> None:
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(("log", record.name, record.levelno, record.getMessage()))


def perform(errand: Errand, progress: AbstractProgress) -> tuple[Any, ...]:
    """Do it: ("done", what it raised of ours or None), or ("crashed", why) where it raised anything else."""
    try:
        module, _, name = errand.function.partition(":")
        getattr(importlib.import_module(module), name)(errand.argument, progress)
    except EdgequantError as error:
        return ("done", error)
    except Exception as error:
        traceback.print_exc()
        return ("crashed", f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": "))
    return ("done", None)


def gathered(errand: Errand) -> tuple[list[str], tuple[Any, ...]]:
    """The same where nobody listens meanwhile: what it said, and how it ended."""
    lines: list[str] = []
    return lines, perform(errand, Relay(lambda message: lines.append(message[1]) if message[0] == "say" else None))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    descriptor, parent = map(int, sys.argv[1:])
    die_with(parent)
    os.set_inheritable(descriptor, False)
    link: Connection[Any, Any] = Connection(descriptor)
    logging.basicConfig(handlers=[Forward(link.send)], level=logging.WARNING)
    logging.captureWarnings(True)
    with suppress(EOFError):
        while True:
            link.send(perform(link.recv(), Relay(link.send)))


if __name__ == "__main__":
    main()
