"""What C++ writes is kept off the terminal, and a child ends with its parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from edgequant.host.process import ERRORS, OUTPUT, quiet


def test_what_is_written_meanwhile_is_in_the_file_and_not_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with quiet(OUTPUT, ERRORS) as sink:
        os.write(1, b"from C++, ")
        os.write(2, b"and its errors")
        sink.seek(0)
        assert sink.read() == b"from C++, and its errors"
    os.write(1, b"back")
    assert capfd.readouterr() == ("back", "")


def test_only_the_descriptors_that_were_named(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet(ERRORS):
        os.write(1, b"seen")
        os.write(2, b"hidden")
    assert capfd.readouterr() == ("seen", "")


def test_an_error_gives_the_terminal_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError), quiet(OUTPUT):
        raise RuntimeError
    os.write(1, b"back")
    assert capfd.readouterr().out == "back"


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
