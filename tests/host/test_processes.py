"""A child that ends with its parent, and one whose parent was gone before it asked."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil

CHILD = """
import sys, time
from edgequant.host.process import die_with
die_with(int(sys.argv[1]))
print("alive", flush=True)
time.sleep(300)
"""
PARENT = """
import os, subprocess, sys, time
with subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())], stdout=subprocess.PIPE) as child:
    child.stdout.readline()
    print(child.pid, flush=True)
    time.sleep(300)
"""


def test_it_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = psutil.Process(int(parent.stdout.readline()))
        assert child.is_running()
        parent.kill()
        deadline = time.monotonic() + 600
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_it_ends_at_once_where_its_parent_is_another() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD, "1"], stdout=subprocess.PIPE, timeout=600, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
