"""Processes that work, speak, die and are stopped; all are real, and so are the signals."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import final

import psutil
import pytest

from edgequant.core.errors import BadData, WorkerDied
from edgequant.core.progress import AbstractProgress, Silent, Tick
from edgequant.pools.local import Local
from pool_samples import task, traces


@final
class Heard(AbstractProgress):
    """What was shown."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.ticks: list[tuple[int, int]] = []
        self.open: list[str] = []
        self.closed: list[str] = []

    @contextmanager
    def _task(self, text: str) -> Iterator[Tick]:
        self.open.append(text)
        try:
            yield lambda done, total: self.ticks.append((done, total))
        finally:
            self.closed.append(text)

    def task(self, text: str) -> AbstractContextManager[Tick]:
        return self._task(text)

    def say(self, text: str) -> None:
        self.lines.append(text)


def nobody_left() -> bool:
    return not [child for child in psutil.Process().children() if "edgequant.pools.worker" in child.cmdline()]


def test_two_workers_do_all_tasks_and_go(tmp_path: Path) -> None:
    tasks = [task("notes", tmp_path, name) for name in "abcde"]
    assert Local().work(tasks, 2, Silent()) == dict.fromkeys("abcde")
    assert len(traces(tmp_path, "notes")) == 5 and len(set(traces(tmp_path, "notes"))) <= 2
    assert nobody_left()


def test_what_kills_its_worker_once_is_done_and_what_does_twice_has_failed(tmp_path: Path) -> None:
    progress = Heard()
    names = ("dies", "dies_once", "leaves", "raises_another", "raises_ours", "notes")
    ended = Local().work([task(name, tmp_path) for name in names], 2, progress)
    assert ended["dies_once"] is None and len(traces(tmp_path, "dies_once")) == 2
    assert ended["notes"] is None and len(traces(tmp_path, "notes")) == 1
    assert isinstance(ended["raises_ours"], BadData) and str(ended["raises_ours"]) == "no images"
    assert isinstance(ended["dies"], WorkerDied) and "killed by SIGKILL" in str(ended["dies"])
    assert "twice: its process ended with status 3 (the last words)." in str(ended["leaves"])
    assert "twice: MemoryError." in str(ended["raises_another"])
    assert len(traces(tmp_path, "dies")) == 2 and nobody_left()
    assert "dies_once: done" in " ".join(progress.lines) and "it is tried again, alone" in " ".join(progress.lines)


def test_the_second_try_has_the_machine_for_itself(tmp_path: Path) -> None:
    tasks = [task("overlaps", tmp_path, name) for name in "ab"]
    assert Local().work(tasks, 2, Silent()) == {"a": None, "b": None}
    assert traces(tmp_path, "together") == ["1", "1"]


def test_what_workers_say_show_and_log_is_said_shown_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    progress = Heard()
    with caplog.at_level(logging.WARNING):
        ended = Local().work([task("speaks", tmp_path)], 1, progress)
    assert ended == {"speaks": None} and capfd.readouterr() == ("", "")
    assert progress.lines == ["speaks: begun", "speaks: half way", "speaks: done (1/1)"]
    assert progress.open == progress.closed == ["a bar"]
    assert progress.ticks[-1] == (1000, 1000) and len(progress.ticks) < 100, "not every tick crosses over"
    assert "a kept step is damaged" in caplog.text and "numbers are rounded" in caplog.text


def test_the_bars_of_a_worker_that_died_go_with_it(tmp_path: Path) -> None:
    progress = Heard()
    Local().work([task("dies_with_a_bar", tmp_path)], 1, progress)
    assert progress.open == progress.closed == ["a bar", "a bar"]


def test_an_error_in_the_run_itself_leaves_no_worker(tmp_path: Path) -> None:
    @final
    class Full(AbstractProgress):
        def task(self, text: str) -> AbstractContextManager[Tick]:
            raise AssertionError(text)

        def say(self, text: str) -> None:
            if "done" in text:
                raise OSError("the terminal is gone")

    with pytest.raises(OSError, match="terminal is gone"):
        Local().work([task("notes", tmp_path), task("sleeps", tmp_path)], 2, Full())
    assert nobody_left()


PARENT = """
import signal
import sys
from pathlib import Path
from pool_samples import task
from edgequant.core.progress import Silent
from edgequant.pools.local import Local
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it runs in the background
Local().work([task("sleeps", Path(sys.argv[1]), name) for name in "ab"], 2, Silent())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], env=environment, stderr=subprocess.DEVNULL
    ) as parent:
        until(lambda: len(traces(tmp_path, "sleeps")) == 4 or parent.poll() is not None)
        parent.send_signal(number)
        try:
            assert parent.wait(60) == -number
        finally:
            parent.kill()
    until(lambda: not any(alive(int(pid)) for pid in traces(tmp_path, "sleeps")))


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 600
    while not holds():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.02)
