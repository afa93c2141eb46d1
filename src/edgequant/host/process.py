"""A process of this machine: what its C++ writes to the terminal is kept off it, and it ends with its parent."""

from __future__ import annotations

import ctypes
import io
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

OUTPUT, ERRORS = 1, 2
PR_SET_PDEATHSIG = 1  # linux/prctl.h
_ONE_AT_A_TIME = threading.Lock()  # descriptors are the whole process's


@contextmanager
def quiet(*descriptors: int) -> Iterator[IO[bytes]]:
    """Send these descriptors to a file, which is given, and back at the end. What is written to them meanwhile, by
    any thread, reaches no terminal. It does not nest. What is closed stays closed.
    """
    there = [number for number in descriptors if is_open(number)]
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as sink:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # as in a service, which has none
                stream.flush()
        saved = [os.dup(number) for number in there]
        for number in there:
            os.dup2(sink.fileno(), number)
        try:
            yield sink
        finally:
            for number, old in zip(there, saved):
                os.dup2(old, number)
                os.close(old)


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def open_standard_streams() -> None:
    """For a process of its own: a standard stream that its parent closed leads nowhere. Else the next file that is
    opened takes its number, and what C++ prints goes into that file. A sign that a stream cannot show is a "?".
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if not is_open(number):
            nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest number, which is this one
            assert nowhere == number
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # ASCII or Latin-1 have no sign for all that is printed
            stream.reconfigure(errors="replace")


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent`, the process that started it, ends in whatever way.

    Linux; elsewhere nothing is done. The kernel watches the thread that started this process: it must live on.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)
