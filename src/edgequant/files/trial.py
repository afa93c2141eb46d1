"""A file's first run, in a process of its own: a damaged file can crash its runtime, and then takes only that along.

LiteRT trusts what a .tflite says. An int8 tensor without its scale aborts XNNPACK; a shape that lies may read beyond
the end of a buffer. No check of ours can foresee all of it, so a file from anywhere is opened and run once elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from ..core.errors import BadFile, EdgequantError
from ..host.process import die_with
from .input import OpenFile, open_file

LIMIT_S = 120.0


def runnable(path: Path) -> OpenFile:
    """`open_file`, once another process has opened the file and run it. Raises BadFile where that crashed or hung.

    Of a file that its runtime refuses in words nothing is said here: who opens it next is told.
    """
    file = open_file(path)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", __name__, str(path), str(os.getpid())]
    try:
        status = subprocess.run(command, capture_output=True, timeout=LIMIT_S, env=environment, check=False).returncode
    except subprocess.TimeoutExpired as error:
        raise BadFile(f"{path} takes its runtime over {LIMIT_S:g} s to open and run once. {_ADVICE}") from error
    if status < 0:
        raise BadFile(f"{path} makes its runtime crash ({signal.Signals(-status).name}). {_ADVICE}")
    return file


_ADVICE = "It is damaged, or made for another runtime. Fetch or make it again."


def attempt(path: Path) -> None:
    """Open the file and run it once on zeros. Raises BadFile and whatever the runtime does, crashes included."""
    file = open_file(path)
    session = file.backend.open(path)
    session.run(np.zeros((1, *file.shape), np.float32))
    session.kernels()


def main() -> None:
    """`python -m edgequant.files.trial FILE PARENT`. Its status tells of a crash only."""
    die_with(int(sys.argv[2]))
    try:
        attempt(Path(sys.argv[1]))
    except EdgequantError:
        return


if __name__ == "__main__":
    main()
