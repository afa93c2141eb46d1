"""A run folder that several processes fill, killed at any moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgequant.core.errors import RunFolderError
from edgequant.store import sharing
from edgequant.store.folder import RunFolder

WORKER = """
import os, random, signal, sys, time
from pathlib import Path
from edgequant.store.folder import RunFolder
folder, token, journal = Path(sys.argv[1]), sys.argv[2], open(sys.argv[3], "a")
fatal, made = int(sys.argv[4]), []  # dies in the middle of its so-and-so-many-th step; 0: never
def make(i, run):
    def work(at):
        assert not list(at.iterdir()), "what a worker that died left here is gone"
        print(f"made {i}", file=journal, flush=True)
        made.append(i)
        (at / "one").write_text(str(i) * 1000)
        inner = run.step("shared", {"of": i % 3}, lambda below: {"of": i % 3})
        if len(made) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        (at / "two").write_text(str(i) * 1000)
        return {"square": i * i, "inner": inner.value["of"]}
    return work
order = list(range(30))
random.Random(os.getpid()).shuffle(order)
with RunFolder(folder, joins=token) as run:
    print("joined", flush=True)
    for i in order:
        step = run.step("step", {"i": i}, make(i, run))
        assert step.value == {"square": i * i, "inner": i % 3}
        assert (step.folder / "one").read_text() == (step.folder / "two").read_text() == str(i) * 1000
"""


def worker(folder: Path, token: str, journal: Path, fatal: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", WORKER, str(folder), token, str(journal), str(fatal)]
    return subprocess.Popen(words, stdout=subprocess.PIPE)


def test_workers_make_each_step_once_and_what_one_leaves_torn_another_makes_again(tmp_path: Path) -> None:
    """Three workers at a time; four are killed in the middle of a step, and others take their places.

    Those that are killed make 19 of the 30 steps at most, so at least two of them come to it however they are timed.
    """
    kills, journal, fatal = 0, tmp_path / "journal", [5, 7, 3, 4]
    with RunFolder(tmp_path / "run") as run, run.shared() as token:
        crew = [worker(run.path, token, journal, fatal.pop()) for _ in range(3)]
        while crew:
            first = crew.pop(0)
            status = first.wait()
            assert status in (0, -9)
            if status:
                kills += 1
                crew.append(worker(run.path, token, journal, fatal.pop() if fatal else 0))
            assert first.stdout
            first.stdout.close()
    made = journal.read_text().splitlines()
    assert set(made) == {f"made {i}" for i in range(30)} and len(made) <= 30 + kills and kills >= 2
    assert sorted(path.name[:5] for path in run.steps.iterdir()) == ["share"] * 3 + ["step-"] * 30


def test_a_worker_that_waited_finds_the_step_made(tmp_path: Path) -> None:
    def never(_folder: Path) -> dict[str, Any]:
        raise AssertionError("made again")

    with RunFolder(tmp_path) as run, run.shared() as token:
        with RunFolder(tmp_path, joins=token) as one:
            assert not one.step("s", {}, lambda _: {"of": "one"}).cached
        with RunFolder(tmp_path, joins=token) as other:
            assert other.step("s", {}, never).value == {"of": "one"}


def test_a_run_that_has_ended_lets_nobody_in(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run, run.shared() as token:
        pass
    with pytest.raises(RunFolderError, match="cannot be written"):
        RunFolder(tmp_path, joins=token).__enter__()
    with (
        RunFolder(tmp_path) as run,
        run.shared() as other,
        pytest.raises(RunFolderError, match="no longer holds"),
    ):
        assert other != token
        RunFolder(tmp_path, joins=token).__enter__()


def test_the_next_run_waits_for_the_workers_of_a_killed_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path).__enter__()
    sharing.open_to_workers(run.steps)
    (run.steps / ".tmp-half").mkdir()
    token = (tmp_path / ".lock").read_text().partition(" ")[2]
    late = RunFolder(tmp_path, joins=token).__enter__()
    run.__exit__()  # as the kernel does when it is killed: only its lock goes
    monkeypatch.setattr(sharing, "PATIENCE_S", 0.05)
    with pytest.raises(RunFolderError, match=r"Workers of an earlier run still write to .*--out"):
        RunFolder(tmp_path).__enter__()
    assert (run.steps / ".tmp-half").exists(), "theirs, while they live"
    late.__exit__()
    with RunFolder(tmp_path) as again:
        assert not list(again.steps.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        (run.steps / sharing.LOCKS).write_text("a file in the way")
        with pytest.raises(RunFolderError, match="cannot be written"), run.shared():
            pass
        (run.steps / sharing.LOCKS).unlink()
