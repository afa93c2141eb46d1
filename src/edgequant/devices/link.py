"""The near end of a device's pipe: one job goes in, progress and one answer come out.

A connection that drops is opened again and the job sent again, since the far end has stopped and cleaned up by
itself. A job that the device could not do is not repeated: it would fail again.
"""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Callable
from typing import Protocol

from ..core.errors import DeviceError
from ..core.progress import Tick
from .device import Job, JobAnswer
from .far.frames import ALIVE, FAILED, JOB, MARK, PROGRESS, RESULT, Garbled, pack, unpack, unzipped, zipped
from .package import runner

ATTEMPTS = 3
PAUSE_S = 1.0  # before the second attempt; doubled before each further one
SILENCE_S = 60.0  # the far end says every two seconds that it is alive; a busy one may be late
NOISE = 1 << 16  # bytes that a login may print before the agent's mark


class Dropped(Exception):
    """The connection ended, or fell silent, before the answer was there."""


class Pipe(Protocol):
    """A duplex connection to the bootstrap on a device."""

    def write(self, data: bytes) -> None:
        """Raises Dropped."""

    def read(self, size: int, timeout_s: float) -> bytes:
        """At least one byte, at most `size`. Raises Dropped at the end and when nothing comes for `timeout_s`."""

    def close(self) -> str:
        """What the connection said of itself, for an error message; "" for nothing."""


Connect = Callable[[], Pipe]
Explain = Callable[[str], str]  # what a connection said of itself -> the message for a device that was not reached


def run_job(connect: Connect, job: Job, tick: Tick, device: str, explain: Explain) -> JobAnswer:
    """Raises DeviceError."""
    content = zipped({"job.json": json.dumps(job.spec).encode(), **job.files})
    for attempt in range(1, ATTEMPTS + 1):
        link = _Link(connect(), device, explain)
        try:
            files = link.do(content, tick)
            return JobAnswer(json.loads(files.pop("main.json")), files, attempt)
        except Dropped as error:
            lost = str(error)
        finally:
            link.pipe.close()
        if attempt < ATTEMPTS:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
    raise DeviceError(
        f"The connection to {device} dropped {ATTEMPTS} times while it worked ({lost})."
        " Expected one that lasts as long as the job. Check its network, or try --quick with fewer images."
    )


class _Link:
    """One connection, from its opening to the answer."""

    def __init__(self, pipe: Pipe, device: str, explain: Explain) -> None:
        self.pipe, self.device, self.explain = pipe, device, explain

    def do(self, content: bytes, tick: Tick) -> dict[str, bytes]:
        """The answer's files. Raises Dropped and DeviceError."""
        self._begin()
        self.pipe.write(pack(JOB, content))
        while True:
            kind, answer = self._frame()
            if kind == RESULT:
                return unzipped(answer)
            if kind == FAILED:
                raise self._failed(answer)
            if kind == PROGRESS:
                tick(*json.loads(answer)["progress"])
            elif kind != ALIVE:
                raise DeviceError(f"{self.device} sent a frame {kind!r}. Is it an edgequant of another version?")

    def _begin(self) -> None:
        """The runner goes over, and answers with its mark; what stands before that is a shell's greeting."""
        with contextlib.suppress(Dropped):  # what it said before it closed tells more
            self.pipe.write(struct.pack(">Q", len(runner())) + runner())
        seen = b""
        try:
            while not seen.endswith(MARK) and len(seen) < NOISE:
                seen += self.pipe.read(1, SILENCE_S)
        except Dropped as error:
            told = self.pipe.close() or seen.decode(errors="replace").strip() or str(error)
            raise DeviceError(self.explain(told)) from error
        if not seen.endswith(MARK):
            raise DeviceError(f"{self.device} talks without end and is no agent of edgequant. Check its login scripts.")

    def _frame(self) -> tuple[bytes, bytes]:
        try:
            return unpack(self._exactly)
        except Garbled as error:
            raise Dropped(f"the answer is garbled: {error}") from error

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.pipe.read(min(size, 1 << 20), SILENCE_S)
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _failed(self, answer: bytes) -> DeviceError:
        told = json.loads(answer)
        if told["missing"]:
            return DeviceError(
                f"{self.device} has {told['error']}. Expected numpy and the runtime there. On the device, type:"
                f" python3 -m pip install numpy {told['missing']}"
            )
        return DeviceError(f"{self.device} could not run the file: {told['error']}.")
