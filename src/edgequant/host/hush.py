"""Python code that writes to the terminal, kept off it: one thread's prints to stderr, warnings and torch's log."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Others:
    """A stream that drops what one thread writes and passes on what the others do."""

    def __init__(self, stream: Any, thread: int) -> None:
        self.stream, self.thread = stream, thread

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self.thread else int(self.stream.write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def _handlers(logger: str) -> list[logging.Handler]:
    """All that may show a record of `logger` or of one below it."""
    below = [log for name, log in logging.root.manager.loggerDict.items() if name.partition(".")[0] == logger]
    loggers = [logging.root, *(log for log in below if isinstance(log, logging.Logger))]
    found = [handler for log in loggers for handler in log.handlers]
    return list(dict.fromkeys([*found, *([logging.lastResort] if logging.lastResort else [])]))


@contextmanager
def hushed(logger: str = "torch") -> Iterator[None]:
    """Meanwhile nothing that this thread prints to stderr, warns of, or logs under `logger` is shown."""
    me, before = threading.get_ident(), sys.stderr

    def foreign(record: logging.LogRecord) -> bool:
        return record.thread != me or record.name.partition(".")[0] != logger

    shown = _handlers(logger)
    for handler in shown:
        handler.addFilter(foreign)
    others: Any = None if before is None else _Others(before, me)
    sys.stderr = others
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if sys.stderr is others:
            sys.stderr = before
        for handler in shown:
            handler.removeFilter(foreign)
