"""What is sent to a device before anything else: the runner and the files of this package that it needs, as a .zip."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from .far.frames import zipped

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "core/errors.py", "host/machine.py", "host/stopwatch.py",
    "devices/far/agent.py", "devices/far/frames.py", "devices/far/runner.py", "devices/far/runtimes.py",
)  # fmt: skip

# A constant: no name of a file, no option and nothing else that a user typed becomes part of it.
BOOTSTRAP = """\
import os, shutil, struct, sys, tempfile
folder = tempfile.mkdtemp(prefix="edgequant-")
try:
    stdin = sys.stdin.buffer
    size, = struct.unpack(">Q", stdin.read(8))
    path = os.path.join(folder, "runner.pyz")
    with open(path, "wb") as file:
        file.write(stdin.read(size))
    sys.path.insert(0, path)
    from edgequant.devices.far import agent
    agent.serve(folder)
finally:
    shutil.rmtree(folder, ignore_errors=True)
"""


@cache
def runner() -> bytes:
    """The runner; the same bytes for the same code."""
    packages = dict.fromkeys(
        (f"edgequant/{room}__init__.py" for room in ("", "core/", "host/", "devices/", "devices/far/")), b""
    )
    return zipped({**packages, **{f"edgequant/{name}": (ROOT / name).read_bytes() for name in FILES}})
