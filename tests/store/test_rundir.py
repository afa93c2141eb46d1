"""Runs that are killed, doubled, refused and out of space; processes are real and so are the signals."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgequant.core.errors import BadFile, RunFolderError
from edgequant.store import folder as rundir
from edgequant.store.belongings import belongings, claim
from edgequant.store.folder import RunFolder, clean, read_json, step_key, write_json

Make = Callable[[Path], dict[str, Any]]


def writes(text: str, calls: list[str] | None = None) -> Make:
    def make(folder: Path) -> dict[str, Any]:
        if calls is not None:
            calls.append(text)
        (folder / "out").mkdir(exist_ok=True)
        (folder / "out" / "file.txt").write_text(text)
        return {"length": len(text)}

    return make


def never(_folder: Path) -> dict[str, Any]:
    raise AssertionError("the step was made again")


def test_a_step_is_made_once(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "a" / "run") as run:
        first = run.step("train", {"epochs": 2}, writes("hello"))
        again = run.step("train", {"epochs": 2}, never)
    with RunFolder(tmp_path / "a" / "run") as run:
        resumed = run.step("train", {"epochs": 2}, never)
    assert not first.cached and again.cached and resumed.cached
    assert first.value == again.value == resumed.value == {"length": 5}
    assert (resumed.folder / "out" / "file.txt").read_text() == "hello"
    assert resumed.folder.name == f"train-{first.key[:16]}"
    assert not list(run.steps.glob(".*"))


@pytest.mark.parametrize(("name", "inputs"), [("train", {"epochs": 3}), ("qat", {"epochs": 2}), ("train", {})])
def test_another_name_or_input_is_another_step(tmp_path: Path, name: str, inputs: dict[str, Any]) -> None:
    with RunFolder(tmp_path) as run:
        run.step("train", {"epochs": 2}, writes("a"))
        assert not run.step(name, inputs, writes("b")).cached


def test_the_key_knows_content_and_not_order() -> None:
    assert step_key("s", {"a": 1, "b": (2, 3)}) == step_key("s", {"b": [2, 3], "a": 1})
    assert step_key("s", {"a": 1}) != step_key("s", {"a": 1.5})


def test_the_format_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = step_key("s", {})
    monkeypatch.setattr(rundir, "STEP_FORMAT", rundir.STEP_FORMAT + 1)
    assert step_key("s", {}) != before


def test_a_name_with_odd_characters_stays_in_the_folder(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        step = run.step("../../my recipe" * 20, {}, writes("x"))
        assert step.folder.parent == run.steps
        assert run.step("../../my recipe" * 20, {}, never).cached


def test_a_fresh_value_is_what_json_gives_back(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        made = run.step("s", {}, lambda _: {"pair": (1, np.float32(0.5)), "bad": float("nan")})
        assert made.value == {"pair": [1, 0.5], "bad": None} == run.step("s", {}, never).value


def damage_missing(folder: Path) -> None:
    (folder / "out" / "file.txt").unlink()


def damage_short(folder: Path) -> None:
    (folder / "out" / "file.txt").write_text("hel")


def damage_flipped(folder: Path) -> None:
    (folder / "out" / "file.txt").write_text("jello")


def damage_torn_value(folder: Path) -> None:
    (folder / "value.json").write_text('{"name": "s", "va')


def damage_no_value(folder: Path) -> None:
    (folder / "value.json").unlink()


def damage_other_key(folder: Path) -> None:
    record = read_json(folder / "value.json")
    write_json(folder / "value.json", record | {"key": "0" * 64})


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (damage_missing, "out/file.txt is missing"),
        (damage_short, "3 bytes of 5"),
        (damage_flipped, "another checksum"),
        (damage_torn_value, "torn"),
        (damage_no_value, "torn"),
        (damage_other_key, "key is another"),
    ],
)
def test_a_damaged_step_is_made_again_and_said_so(
    tmp_path: Path, damage: Callable[[Path], None], what: str, caplog: pytest.LogCaptureFixture
) -> None:
    with RunFolder(tmp_path) as run:
        damage(run.step("s", {}, writes("hello")).folder)
        with caplog.at_level(logging.WARNING):
            step = run.step("s", {}, writes("hello"))
        assert not step.cached and what in caplog.text
        assert (step.folder / "out" / "file.txt").read_text() == "hello"
        assert run.step("s", {}, never).cached


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def make(folder: Path) -> dict[str, Any]:
        (folder / "half").write_text("half")
        raise ValueError("no")

    with RunFolder(tmp_path) as run:
        with pytest.raises(ValueError, match="no"):
            run.step("s", {}, make)
        assert not list(run.steps.iterdir())


def test_scratch_survives_a_failure_and_becomes_the_step(tmp_path: Path) -> None:
    def make(folder: Path) -> dict[str, Any]:
        checkpoint = folder / "checkpoint"
        epoch = int(checkpoint.read_text()) + 1 if checkpoint.exists() else 1
        checkpoint.write_text(str(epoch))
        if epoch < 3:
            raise KeyboardInterrupt
        checkpoint.unlink()
        (folder / "weights").write_text("trained")
        return {"epochs": epoch}

    for _ in range(2):
        with RunFolder(tmp_path) as run, pytest.raises(KeyboardInterrupt):
            run.step("train", {}, make, scratch=True)
    with RunFolder(tmp_path) as run:
        step = run.step("train", {}, make, scratch=True)
    assert step.value == {"epochs": 3}
    assert sorted(path.name for path in step.folder.iterdir()) == ["value.json", "weights"]
    assert [path.name for path in run.steps.iterdir()] == [step.folder.name]


def test_scratch_that_was_killed_just_before_the_rename(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        step = run.step("train", {}, writes("x"), scratch=True)
        (step.folder / ".tmp-value.json").write_text("torn")
        step.folder.rename(run.steps / f".work-{step.folder.name}")
    with RunFolder(tmp_path) as run:
        assert not run.step("train", {}, writes("x"), scratch=True).cached
        assert run.step("train", {}, never, scratch=True).cached


def test_value_json_is_taken(tmp_path: Path) -> None:
    def make(folder: Path) -> dict[str, Any]:
        (folder / "value.json").write_text("mine")
        return {}

    with RunFolder(tmp_path) as run, pytest.raises(RunFolderError, match=r"'s' wrote a file named value\.json"):
        run.step("s", {}, make)


def test_a_step_needs_the_lock(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="enter the RunFolder"):
        RunFolder(tmp_path).step("s", {}, never)


def test_fresh_removes_steps_and_results_and_nothing_else(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as run:
        run.step("s", {}, writes("x"))
        with belongings(tmp_path):
            for folder in ("charts", "artifacts"):
                claim(tmp_path / folder / "ours")
                (tmp_path / folder).mkdir()
                (tmp_path / folder / "ours").write_text("x")
    for name in ("results.json", "report.html", "notes.txt", "charts/mine"):
        (tmp_path / name).write_text("{}")
    with RunFolder(tmp_path, fresh=True) as run:
        left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
        assert left == [".lock", "charts", "charts/mine", "notes.txt", "steps"]
        assert not run.step("s", {}, writes("x")).cached


def test_fresh_leaves_a_folder_alone_where_no_run_has_been(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("of something else")
    with RunFolder(tmp_path, fresh=True):
        assert (tmp_path / "results.json").exists()


def test_a_second_run_is_refused_by_the_pid_of_the_first(tmp_path: Path) -> None:
    with RunFolder(tmp_path):
        with pytest.raises(RunFolderError, match=rf"process {os.getpid()}\) is writing to .*--out"):
            RunFolder(tmp_path, fresh=True).__enter__()
        assert (tmp_path / "steps").exists()
    with RunFolder(tmp_path):
        pass


@pytest.mark.parametrize("where", ["", "below"])
def test_a_file_in_the_way_is_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunFolderError, match="cannot be written") as caught:
        RunFolder(tmp_path / "file" / where).__enter__()
    assert "\n" not in str(caught.value)


def test_an_entry_that_fails_lets_go_of_the_lock(tmp_path: Path) -> None:
    (tmp_path / "steps").write_text("a file in the way")
    with pytest.raises(RunFolderError):
        RunFolder(tmp_path).__enter__()
    (tmp_path / "steps").unlink()
    with RunFolder(tmp_path):
        pass


def test_a_lock_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to("/dev/full")
    with pytest.raises(RunFolderError, match="cannot be written"):
        RunFolder(tmp_path).__enter__()


FULL = """
import resource, sys
from pathlib import Path
from edgequant.core.errors import RunFolderError
from edgequant.store.folder import RunFolder, write_json
run = RunFolder(Path(sys.argv[1])).__enter__()
run.step("small", {}, lambda folder: {})
write_json(run.path / "results.json", {"old": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
def make(folder):
    (folder / "big").write_bytes(bytes(100_000))
    return {}
def tries(work):
    try:
        work()
    except RunFolderError as error:
        print(error)
tries(lambda: run.step("big", {}, make))
tries(lambda: run.step("long", {}, lambda _: {"text": "x" * 100_000}))
tries(lambda: write_json(run.path / "results.json", {"text": "x" * 100_000}))
assert run.step("small", {}, lambda folder: 1 / 0).cached
"""


def test_no_room_is_one_line_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and all("cannot be written: File too large" in line for line in lines)
    assert [path.name.partition("-")[0] for path in (tmp_path / "steps").iterdir()] == ["small"]
    assert read_json(tmp_path / "results.json") == {"old": 1}
    assert not list(tmp_path.glob(".tmp*"))


def test_a_library_that_hides_the_full_disk_is_seen_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_: Path) -> dict[str, Any]:
        raise RuntimeError("PytorchStreamWriter failed writing file")

    with RunFolder(tmp_path) as run:
        with pytest.raises(RuntimeError, match="PytorchStreamWriter"):
            run.step("s", {}, make)
        monkeypatch.setattr(rundir, "FULL_BYTES", 2**62)  # more than any disk has free
        with pytest.raises(RunFolderError, match="No space left on device"):
            run.step("s", {}, make)


def test_an_error_that_is_not_the_disks_stays_what_it_is(tmp_path: Path) -> None:
    def make(_: Path) -> dict[str, Any]:
        raise FileNotFoundError("images/cat.png")

    with RunFolder(tmp_path) as run, pytest.raises(FileNotFoundError, match=r"cat\.png"):
        run.step("s", {}, make)


CHILD = """
import signal, sys, time
from pathlib import Path
from edgequant.store.folder import RunFolder
journal = open(sys.argv[2], "a")
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[3]))  # ends the process where it stands; 0: never
def say(text):
    print(text, file=journal, flush=True)
def make(i):
    def work(folder):
        say(f"made {i}")
        for part in range(4):
            (folder / f"part{part}").write_text(str(i * part) * 500)
            time.sleep(0.002)
        return {"square": i * i}
    return work
with RunFolder(Path(sys.argv[1])) as run:
    assert not list(run.steps.glob(".tmp-*"))
    for i in range(40):
        step = run.step("step", {"i": i}, make(i), scratch=i % 2 == 0)
        assert step.value == {"square": i * i}
        assert all((step.folder / f"part{part}").read_text() == str(i * part) * 500 for part in range(4))
        say(f"done {i}")
say("finished")
"""


def test_killed_at_any_moment_a_run_resumes_and_repeats_nothing(tmp_path: Path) -> None:
    journal, moments = tmp_path / "journal", random.Random(7)
    command = [sys.executable, "-c", CHILD, str(tmp_path / "run"), str(journal)]
    journal.touch()
    kills = 0
    while "finished" not in journal.read_text():
        moment = moments.uniform(0.001, 0.08) if kills < 10 else 0.0
        status = subprocess.run([*command, str(moment)], check=False).returncode
        assert status in (0, -signal.SIGALRM)
        kills += status != 0
    assert kills >= 5, "on a slower machine more of them come before the end"
    finished: set[str] = set()
    for line in journal.read_text().splitlines()[:-1]:
        verb, _, number = line.partition(" ")
        assert verb == "done" or number not in finished, f"step {number} was made again"
        finished |= {number} if verb == "done" else set()
    assert len(finished) == 40
    left = list((tmp_path / "run" / "steps").iterdir())
    assert len(left) == 40 and not any(path.name.startswith(".") for path in left)


@dataclass(frozen=True)
class Option:
    q: float
    where: Path


def test_clean_makes_json_of_what_runs_hold() -> None:
    found = clean(
        {
            1: Option(0.5, Path("/photos")),
            "array": np.array([[1.0, np.inf]], np.float32),
            "scalar": np.int64(3),
            "flag": np.bool_(True),
            "set": {"b", "a"},
            "nothing": None,
            "nan": float("nan"),
        }
    )
    assert found == {
        "1": {"q": 0.5, "where": "/photos"},
        "array": [[1.0, None]],
        "scalar": 3,
        "flag": True,
        "set": ["a", "b"],
        "nothing": None,
        "nan": None,
    }
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_run_that_was_killed_holds_no_lock(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from edgequant.store.folder import RunFolder"
    code += "; RunFolder(Path(sys.argv[1])).__enter__(); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        with pytest.raises(RunFolderError, match=f"process {child.pid}\\)"):
            RunFolder(tmp_path).__enter__()
        child.kill()
    with RunFolder(tmp_path):
        pass


def test_clean_refuses_what_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="A object cannot be written as JSON"):
        clean({"a": object()})


def test_json_files_come_back(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": [1, 2.5, None]})
    assert read_json(tmp_path / "a.json") == {"é": [1, 2.5, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_json_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_json(tmp_path / "missing" / "a.json", {})


@pytest.mark.parametrize("content", [None, "{", "[1]", "\udcff"])
def test_json_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadFile, match=r"a\.json .*Expected a JSON"):
        read_json(tmp_path / "a.json")
