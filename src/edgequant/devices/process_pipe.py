"""A pipe to the standard input and output of a process here: the device's own Python, or ssh."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from typing import final

from ..core.errors import DeviceError, cause
from .link import Dropped

LAST_WORDS = 4000  # bytes of standard error that a message may quote from
GRACE_S = 5.0  # to end by itself once its input is closed


@final
class ProcessPipe:
    """Starts `command`, no shell between. Raises DeviceError where there is no such program."""

    def __init__(self, command: Sequence[str]) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the process runs
        try:
            self.process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0
            )
        except (OSError, ValueError) as error:
            self.errors.close()
            raise DeviceError(
                f"{command[0]!r} cannot be started: {cause(error)}. Expected a program that runs here."
            ) from error
        self.said: str | None = None

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        view = memoryview(data)
        try:
            while view:
                view = view[self.process.stdin.write(view) or 0 :]
        except OSError as error:
            raise Dropped(f"it closed while the job was sent: {error.strerror}") from error

    def read(self, size: int, timeout_s: float) -> bytes:
        assert self.process.stdout is not None
        where = self.process.stdout.fileno()
        ready, _, _ = select.select([where], [], [], timeout_s)
        if not ready:
            raise Dropped(f"nothing was heard for {timeout_s:g} s")
        data = os.read(where, size)
        if not data:
            raise Dropped("it closed before the answer was there")
        return data

    def close(self) -> str:
        """Close its input, wait for it to clean up, and say what it wrote to standard error. Twice is once."""
        if self.said is None:
            self._end()
            self.errors.seek(0, os.SEEK_END)
            self.errors.seek(max(0, self.errors.tell() - LAST_WORDS))
            self.said = self.errors.read().decode(errors="replace").strip()
            self.errors.close()
        return self.said

    def _end(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self._drain(time.monotonic() + GRACE_S)
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _drain(self, until: float) -> None:
        """Read what is still on its way: a process that cannot write does not end."""
        assert self.process.stdout is not None
        where = self.process.stdout.fileno()
        while time.monotonic() < until and self.process.poll() is None:
            if select.select([where], [], [], 0.05)[0] and not os.read(where, 1 << 16):
                return
