"""A file is first run elsewhere: a runtime that crashes or hangs on it is a line, and edgequant lives on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edgequant.core.errors import BadFile
from edgequant.files import trial

FILE = Path("any.tflite")


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The other process runs this code instead."""
    genuine = subprocess.run

    def run_code(code: str) -> None:
        def run(_: object, **options: Any) -> Any:
            return genuine([sys.executable, "-c", code], **options)

        monkeypatch.setattr(subprocess, "run", run)

    monkeypatch.setattr(trial, "open_file", lambda path: path)
    return run_code


def test_a_crash_is_one_line(elsewhere: Any) -> None:
    elsewhere("import os; os.abort()")
    with pytest.raises(BadFile, match=r"any\.tflite makes its runtime crash \(SIGABRT\)\. It is damaged"):
        trial.runnable(FILE)


def test_a_hang_is_one_line(elsewhere: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "LIMIT_S", 0.2)
    elsewhere("import time; time.sleep(60)")
    with pytest.raises(BadFile, match=r"any\.tflite takes its runtime over 0\.2 s to open and run once"):
        trial.runnable(FILE)


def test_what_a_runtime_refuses_in_words_is_told_by_who_opens_it_next(elsewhere: Any) -> None:
    for code in ("", "raise SystemExit(1)"):
        elsewhere(code)
        trial.runnable(FILE)


def test_the_other_process_refuses_in_silence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.tflite").write_bytes(b"no file of LiteRT")
    monkeypatch.setattr(sys, "argv", ["trial", str(tmp_path / "x.tflite"), "1"])
    monkeypatch.setattr(trial, "die_with", lambda parent: None)
    trial.main()
    assert capsys.readouterr() == ("", "")
