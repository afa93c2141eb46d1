"""Runs edgequant's command line in forks of a process that has imported everything, so that a kill costs no start-up.

One JSON object a line on stdin: {"start": words, "log": path} answers {"pid"}; {"wait": pid, "kill_after": seconds or
null} answers {"status", "killed", "seconds"} once that process has ended, by itself or by SIGKILL.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

LIMIT_S = 600.0  # a run that hangs is killed, and is no success
POLL_S = 0.002


def start(words: list[str], log: str) -> int:
    """A fork that runs the command; what it says goes to `log`.out and `log`.err."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        for stream, ending in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{log}.{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), stream)
        from edgequant.cli import main

        status = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def wait(pid: int, kill_after: float | None) -> dict[str, Any]:
    begin = time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        seconds = time.monotonic() - begin
        if ended:
            return {"status": os.waitstatus_to_exitcode(status), "killed": False, "seconds": seconds}
        if seconds >= (LIMIT_S if kill_after is None else kill_after):
            os.kill(pid, signal.SIGKILL)
            return {"status": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), "killed": True, "seconds": seconds}
        time.sleep(POLL_S)


def main() -> None:
    import ai_edge_litert.interpreter  # noqa: F401
    import altair  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch
    import torch._dynamo
    import torch.export
    import typst  # noqa: F401
    import vl_convert  # noqa: F401

    import edgequant.api  # noqa: F401

    torch.set_num_threads(1)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if "start" in asked:
            answer: dict[str, Any] = {"pid": start(asked["start"], asked["log"])}
        else:
            answer = wait(asked["wait"], asked["kill_after"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
