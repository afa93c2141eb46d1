"""A run that is killed at any moment is resumed by the next one, and the result is that of a run left in peace."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SERVER = Path(__file__).with_name("kill_server.py")
# What depends on when and where a thing was measured; all else must be equal.
DECIDED = ("environment", "recommended", "recommendation_reason")  # by where it ran, and by how long it took
MEASURED = (
    *("latency_ms", "latency_ms_all_threads", "eager_latency_ms", "peak_memory_bytes", "seconds", "conditions"),
    "against_float32",
)
LONGEST = 0.35  # of an undisturbed run: the latest moment of ten kills, which so fall all over the work
STUDY = """
title = "to be killed"
workers = {workers}
recipes = {recipes}
targets = ["litert"]
max_drop = -100.0  # no file is recommended by its latency, which no two runs share
calibration = [{{ n = 100 }}]
network = [{{ model = "micro_cnn", data = "digits", train = {{ epochs = 2, batch = 64, augment = [] }} }}]
criteria = [{{ name = "answers", variant = "litert-w8a8", metric = "top1", at_least = 0.1 }}]
"""


@dataclass
class Server:
    """See kill_server.py."""

    process: subprocess.Popen[str]
    logs: Path

    def ask(self, **what: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def start(self, study: Path, out: Path, log: str = "run") -> int:
        return int(self.ask(start=["run", str(study), "--out", str(out)], log=str(self.logs / log))["pid"])

    def run(self, study: Path, out: Path, kill_after: float | None = None, log: str = "run") -> dict[str, Any]:
        return self.ask(wait=self.start(study, out, log), kill_after=kill_after)

    def said(self, log: str = "run") -> str:
        return (self.logs / f"{log}.err").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork
    }
    with subprocess.Popen(
        [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout and "ready" in process.stdout.readline()
        yield Server(process, tmp_path_factory.mktemp("logs"))
        assert process.stdin
        process.stdin.close()


def results(folder: Path) -> dict[str, Any]:
    """results.json without what was measured in time and memory."""
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    for key in DECIDED:
        del found[key]
    for variant in found["variants"]:
        for key in MEASURED:
            assert variant[key] is not None or key in ("eager_latency_ms", "against_float32")
            del variant[key]
    return found


def whole(folder: Path) -> bool:
    """Every artifact is the one that was measured, the report is there, and nothing half made is."""
    for variant in results(folder)["variants"]:
        content = (folder / variant["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == variant["sha256"]
    assert not [p.name for p in folder.rglob(".*") if p.name != ".lock"]
    return all((folder / name).stat().st_size > 0 for name in ("report.md", "report.html", "report.pdf"))


def finished(folder: Path) -> frozenset[str]:
    """The steps that the next run will not do again."""
    return frozenset(path.name for path in folder.glob("steps/[!.]*"))


def children(pid: int) -> list[str]:
    """Commands of the processes that were told to work for `pid`: it is their last argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            words = path.read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            if words[-1] == str(pid) and any(word.startswith("edgequant.") for word in words):
                found.append(" ".join(words))
    return found


def no_orphan(pid: int) -> bool:
    """The kernel kills what worked for a process that was killed; it may take a moment."""
    deadline = time.monotonic() + 600
    while children(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not children(pid)


def kill_often(server: Server, study: Path, folder: Path, kills: int, seed: int, longest: float = LONGEST) -> int:
    """Kill at random moments, resume, and so on; a folder that got through anyway is compared, and another begun.

    Returns how many different sets of finished steps the kills met.
    """
    peace = folder / "peace"
    took = server.run(study, peace)
    assert took["status"] == 0, server.said()
    wanted, rng, states = results(peace), np.random.default_rng(seed), set()
    done, number = 0, 0
    while done < kills:
        out = folder / f"killed-{number}"
        pid = server.start(study, out)
        end = server.ask(wait=pid, kill_after=took["seconds"] * longest * float(rng.random()) ** 1.3)
        if end["killed"]:
            done += 1
            states.add(finished(out))
            assert no_orphan(pid)
            print(f"kill {done}: {len(finished(out))} steps were finished")
            continue
        assert end["status"] == 0, server.said()
        assert results(out) == wanted and whole(out)
        number += 1
    last = folder / f"killed-{number}"
    assert server.run(study, last)["status"] == 0, server.said()
    assert results(last) == wanted and whole(last) and whole(peace)
    print(f"{number + 1} folders were compared, {len(states)} different states met")
    return len(states)


def study_of(folder: Path, *recipes: str, workers: int = 1) -> Path:
    path = folder / "study.toml"
    path.write_text(STUDY.format(recipes=list(recipes), workers=workers), encoding="utf-8")
    return path


def test_ten_kills_change_nothing(server: Server, tmp_path: Path) -> None:
    assert kill_often(server, study_of(tmp_path, "float32", "float16", "w8a8"), tmp_path, kills=10, seed=1) > 1


def test_a_second_run_of_one_folder_is_refused_and_the_killed_one_lets_go(server: Server, tmp_path: Path) -> None:
    study, out = study_of(tmp_path, "float32", "w8a8"), tmp_path / "out"
    first = server.start(study, out, "first")
    deadline = time.monotonic() + 600
    while not (out / ".lock").exists() or not (out / ".lock").read_text():
        assert time.monotonic() < deadline, server.said("first")
        time.sleep(0.005)
    second = server.run(study, out, log="second")
    assert second["status"] == 2 and server.said("second").count("\n") == 1
    assert f"Another run (process {first}) is writing to" in server.said("second")
    killed = server.ask(wait=first, kill_after=0.0)
    assert killed == {"status": -9, "killed": True, "seconds": killed["seconds"]}
    assert server.run(study, out)["status"] == 0, server.said()
    assert whole(out)


@pytest.mark.soak
@pytest.mark.parametrize("workers", [1, 2])
def test_a_hundred_kills_of_eight_variants_change_nothing(server: Server, tmp_path: Path, workers: int) -> None:
    recipes = ("float32", "float16", "dynamic-w8", "w8", "w8a8", "w4a8", "w8a16", "w8a8+bias_correct")
    study = study_of(tmp_path, *recipes, workers=workers)
    # workers start anew after each kill, which takes as long as much of the work: kills at any moment of the whole run
    assert kill_often(server, study, tmp_path, kills=100, seed=2, longest=LONGEST if workers == 1 else 1.0) > 10
