"""C++ that writes to the terminal, kept off it."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

OUTPUT, ERRORS = 1, 2
_ONE_AT_A_TIME = threading.Lock()  # descriptors are the whole process's


@contextmanager
def quiet(*descriptors: int) -> Iterator[IO[bytes]]:
    """Send these descriptors to a file, which is given, and back at the end. What is written to them meanwhile, by
    any thread, reaches no terminal. It does not nest.
    """
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as sink:
        sys.stdout.flush()
        sys.stderr.flush()
        saved = [os.dup(number) for number in descriptors]
        for number in descriptors:
            os.dup2(sink.fileno(), number)
        try:
            yield sink
        finally:
            for number, old in zip(descriptors, saved):
                os.dup2(old, number)
                os.close(old)
