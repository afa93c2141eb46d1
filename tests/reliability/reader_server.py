"""Reads files in a fork of a process that has imported everything: a crash or a hang is an answer, not the end.

One JSON object a line on stdin. {"reader": name, "path": path} reads a file as a command would; the reader "make"
writes the valid files of reader_samples.py into a folder. The answer is {"kind", "text"}:

    read      it was taken
    refused   an EdgequantError; `text` is its line
    raised    any other exception: a user would see a traceback; `text` is its end
    died      a signal, or an exit of its own, ended the process
    hung      it took longer than LIMIT_S, or kept the processor busy for BUSY_S
    ran       code that was in the file ran: it made the file that EDGEQUANT_CANARY names
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socket import SOCK_SEQPACKET, socket, socketpair

LIMIT_S = 300.0  # on a machine that has other work
BUSY_S = 20  # of processor time; then the kernel ends the process
SPARE_BYTES = 2 << 30  # that readers may reserve: a bomb meets its end here
TOLD_BYTES = 4096
UNBOUNDED = ("make", "report")

Actions = Mapping[str, Callable[[Path], object]]


class Worker:
    """A fork that reads file after file; another takes its place once it is gone."""

    def __init__(self, actions: Actions) -> None:
        self.line, theirs = socketpair(type=SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            self.line.close()
            _serve(theirs, actions)
        theirs.close()

    def ask(self, line: str) -> bytes:
        """What it told; nothing where it died; None where it hung, and then it is gone, too."""
        self.line.send(line.encode())
        if not select.select([self.line], [], [], LIMIT_S)[0]:
            os.kill(self.pid, signal.SIGKILL)
            return json.dumps({"kind": "hung", "text": f"nothing after {LIMIT_S} s"}).encode()
        return self.line.recv(2 * TOLD_BYTES)

    def end(self) -> dict[str, str]:
        self.line.close()
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return {"kind": "hung" if status == -signal.SIGXCPU else "died", "text": f"status {status}"}


def _serve(line: socket, actions: Actions) -> None:
    """Never returns. What the runtimes print goes nowhere."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while asked := line.recv(TOLD_BYTES):
        found = json.loads(asked)
        with _little_room(found["reader"]):
            told = _read(actions[found["reader"]], Path(found["path"]))
        line.send(json.dumps(told).encode())
    os._exit(0)


@contextmanager
def _little_room(reader: str) -> Iterator[None]:
    """Of memory and of processor time. Charts are drawn by V8, which reserves what it will never use."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = resource.RLIM_INFINITY if reader in UNBOUNDED else used + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + BUSY_S, resource.RLIM_INFINITY))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _read(action: Callable[[Path], object], path: Path) -> dict[str, str]:
    from edgequant.core.errors import EdgequantError

    try:
        action(path)
        return {"kind": "read", "text": ""}
    except EdgequantError as error:
        return {"kind": "refused", "text": str(error)[: TOLD_BYTES // 4]}
    except BaseException:
        return {"kind": "raised", "text": traceback.format_exc()[-TOLD_BYTES // 2 :]}


def main() -> None:
    import torch

    torch.set_num_threads(1)
    from reader_samples import make
    from reader_table import READERS, warm

    warm()
    actions = {"make": make, **READERS}
    canary, worker = Path(os.environ["EDGEQUANT_CANARY"]), Worker(actions)
    print("ready", flush=True)
    for line in sys.stdin:
        told = worker.ask(line)
        answer = json.loads(told) if told else worker.end()
        if not told or answer["kind"] == "hung":
            worker = Worker(actions)
        if canary.exists():
            canary.unlink()
            answer = {"kind": "ran", "text": "code in the file ran"}
        print(json.dumps(answer), flush=True)
    worker.end()
    os._exit(0)  # what was imported takes its time to leave


if __name__ == "__main__":
    main()
