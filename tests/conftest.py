"""What all tests share: one thread, the command line as a function, and the smallest study that is worth running."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # no test depends on the machine's speed
settings.load_profile("no deadline")

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: two test processes on two cores wait for each other

TINY_STUDY = """
title = "tiny"
recipes = ["float32", "w8a8"]
targets = ["litert"]
calibration = [{ n = 100 }]
network = [{ model = "micro_cnn", data = "digits", train = { epochs = 2, batch = 64, augment = [] } }]
"""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of a user's mistake."""
        assert self.status == 2, (self.status, self.out, self.err)
        assert self.err.startswith("edgequant: ") and self.err.count("\n") == 1, self.err
        return self.err


Cli = Callable[..., Said]
Python = Callable[..., str]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def one_drawer() -> Iterator[None]:
    """One process that draws the charts of all tests: each would start its own, and load its fonts again."""
    from edgequant.report.charts import drawing

    with drawing.at_hand():
        yield


@pytest.fixture
def edgequant(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line, called in this process from an empty folder."""
    from edgequant.cli import main

    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Said:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Said(status, *capsys.readouterr())

    yield call


@pytest.fixture(scope="session")
def python() -> Python:
    """A fresh interpreter that runs `code` and finds the modules that this one finds; what it printed."""

    def run(code: str, *arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout

    return run


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study file: micro_cnn on the digits, trained for two epochs, float32 and w8a8 in LiteRT."""
    path = tmp_path_factory.mktemp("study") / "tiny.toml"
    path.write_text(TINY_STUDY, encoding="utf-8")
    return path
