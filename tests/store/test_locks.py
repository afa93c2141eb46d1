"""Locks on files, between processes that live and that are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edgequant.store.locks import held, take

HOLDER = """
import sys
from pathlib import Path
from edgequant.store.locks import take
take(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_one_alone_or_many_together(tmp_path: Path) -> None:
    first, second = take(tmp_path / "lock", shared=True), take(tmp_path / "lock", shared=True)
    with pytest.raises(BlockingIOError):
        take(tmp_path / "lock")
    os.close(first)
    os.close(second)
    with held(tmp_path / "lock", 0.0), pytest.raises(BlockingIOError):
        take(tmp_path / "lock", shared=True)


def test_it_waits_for_as_long_as_it_is_told(tmp_path: Path) -> None:
    first = take(tmp_path / "lock")
    begin = time.monotonic()
    with pytest.raises(BlockingIOError):
        take(tmp_path / "lock", patience_s=0.1)
    assert time.monotonic() - begin >= 0.1
    threading.Timer(0.1, os.close, [first]).start()
    os.close(take(tmp_path / "lock", patience_s=60.0))


def test_without_end_it_waits_until_the_holder_lets_go(tmp_path: Path) -> None:
    threading.Timer(0.1, os.close, [take(tmp_path / "lock")]).start()
    with held(tmp_path / "lock"):
        pass


def test_a_holder_that_is_killed_lets_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout and child.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError):
            take(tmp_path / "lock")
        child.kill()
        os.close(take(tmp_path / "lock", patience_s=60.0))


def test_what_the_system_refuses_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        take(tmp_path / "missing" / "lock")
