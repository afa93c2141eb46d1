"""What runs on the device: it takes one job from standard input, has it done, and answers on standard output.

The work itself is done by processes of their own (`runner`), so that a runtime that crashes is an answer and no
silence. When standard input ends, the other side is gone: the work is stopped, and `BOOTSTRAP` removes the folder.

Standard library only; Python 3.9 or newer.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from .frames import ALIVE, FAILED, JOB, MARK, PROGRESS, RESULT, pack, unpack, unzipped, zipped

PYTHON = "EDGEQUANT_PYTHON"  # how to start Python where it cannot name itself: under emulation, or a loader
HEARTBEAT_S = 2.0
TAIL = 2000  # characters of what a process said before it died


def serve(folder: str) -> None:
    """One job, from standard input to standard output, with `folder` for its files. Raises nothing."""
    for name in ("SIGHUP", "SIGTERM"):
        signal.signal(getattr(signal, name), _stop)
    speaker = _Speaker(sys.stdout.buffer)
    sys.stderr.flush()
    os.dup2(os.open(str(Path(folder, "agent.log")), os.O_WRONLY | os.O_CREAT), 2)  # adb mixes it into the answer
    try:
        speaker.write(MARK)
        kind, content = unpack(lambda size: _exactly(sys.stdin.buffer, size))
        if kind == JOB:
            speaker.say(*_work(Path(folder), content, speaker))
    except (EOFError, BrokenPipeError):
        return  # nobody is there any more
    except Exception as error:
        speaker.say(FAILED, _failure(f"{type(error).__name__}: {error}"))


class _Speaker:
    """Standard output, one frame at a time, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.lock = stream, threading.Lock()

    def write(self, data: bytes) -> None:
        with self.lock:
            self.stream.write(data)
            self.stream.flush()

    def say(self, kind: bytes, content: bytes) -> None:
        self.write(pack(kind, content))


def _stop(*_: Any) -> None:
    """Leave through `finally`, so that the folder goes."""
    raise SystemExit(1)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    parts = []
    while size:
        part = stream.read(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _work(folder: Path, content: bytes, speaker: _Speaker) -> tuple[bytes, bytes]:
    """The answer's kind and content."""
    out = folder / "out"
    out.mkdir()
    for name, data in unzipped(content).items():
        (folder / Path(name).name).write_bytes(data)  # a plain name: nothing is written elsewhere
    spec = json.loads((folder / "job.json").read_text())
    current = _Current()
    threading.Thread(target=_watch_input, args=(current,), daemon=True).start()
    threading.Thread(target=_heartbeat, args=(speaker,), daemon=True).start()
    for phase in spec["phases"]:
        why = _run(folder, phase, current, speaker)
        if why is not None and phase == "main":
            return FAILED, why
        if why is not None:
            (out / f"{phase}.failed.json").write_bytes(why)
    return RESULT, zipped({path.name: path.read_bytes() for path in sorted(out.iterdir())})


class _Current:
    """The process that works just now."""

    process: subprocess.Popen[bytes] | None = None
    gone = False

    def kill(self) -> None:
        self.gone = True
        if self.process is not None and self.process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)
            else:  # Windows has no process groups of this kind; nothing that is run here starts another process
                self.process.kill()


def _watch_input(current: _Current) -> None:
    """Nothing more is sent, so what can be read is the end. Unbuffered: a buffer's lock would hang Python's exit."""
    while os.read(0, 1 << 12):
        pass
    current.kill()


def _heartbeat(speaker: _Speaker) -> None:
    while True:
        time.sleep(HEARTBEAT_S)
        try:
            speaker.say(ALIVE, b"")
        except OSError:
            return


def _run(folder: Path, phase: str, current: _Current, speaker: _Speaker) -> bytes | None:
    """One phase in a process of its own; None, or why it failed."""
    search = [str(folder / "runner.pyz"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(search)}
    command = [os.environ.get(PYTHON) or sys.executable, "-m", "edgequant.devices.far.runner", str(folder), phase]
    with (folder / "runner.log").open("wb") as log:
        current.process = process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, cwd=folder, env=environment, start_new_session=True
        )
    try:
        if current.gone:
            current.kill()
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(b"{"):
                speaker.say(PROGRESS, line.strip())
        status = process.wait()
    finally:
        current.kill() if process.poll() is None else None
    if current.gone:
        raise EOFError
    return None if status == 0 else _failure(*_why(folder, status))


def _why(folder: Path, status: int) -> tuple[str, str]:
    """(reason, the missing package's name) of a process that failed."""
    told = folder / "out" / "error.json"
    if told.exists():
        found = json.loads(told.read_text())
        told.unlink()
        return str(found["error"]), str(found["missing"])
    if status < 0:
        return f"the process that ran the file was killed by {signal.Signals(-status).name}", ""
    said = (folder / "runner.log").read_text(errors="replace").strip()[-TAIL:]
    return said.splitlines()[-1] if said else f"the process that ran the file ended with status {status}", ""


def _failure(reason: str, missing: str = "") -> bytes:
    return json.dumps({"error": reason, "missing": missing}).encode()
