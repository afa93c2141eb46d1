from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest

from doctor_samples import BRANCHED, Clinic, Mend, clinic


@pytest.fixture(scope="session")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    return clinic(tmp_path_factory.mktemp("clinic"))


@pytest.fixture(scope="session")
def branched(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    return clinic(tmp_path_factory.mktemp("branches"), BRANCHED)


@pytest.fixture(scope="session")
def mended(tmp_path_factory: pytest.TempPathFactory) -> Mend:
    """Types a finding's command, once in a session however many findings give it; the quantized file that it made."""
    made: dict[str, Path] = {}

    def mend(command: str) -> Path:
        if command not in made:
            made[command] = _type(command, tmp_path_factory.mktemp("again"))
        return made[command]

    return mend


def _type(command: str, folder: Path) -> Path:
    from edgequant.cli import main

    words = shlex.split(command)
    assert words[0] == "edgequant" and words[-2:] == ["--out", "runs/again"], command
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(words[1:]) in (0, 1)
    found: list[Any] = [p for p in (folder / "runs/again/artifacts").iterdir() if "w8a8" in p.stem]
    return next(p for p in found if p.suffix in (".tflite", ".onnx"))
