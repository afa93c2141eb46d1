"""A process whose parent closed its standard streams, or sent them where there is no room: a service, a cron job."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = [sys.executable, "-m", "edgequant", "quantize", "micro_cnn", "--data", "digits", "--weights", "random"]
WORDS = " ".join([*RUN, "--quick", "20", "--out", "run"])
MISTAKE = " ".join([*RUN, "--recipe", "int8"])


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_a_run_needs_no_streams(tmp_path: Path, closed: str) -> None:
    """And nothing that C++ prints ends in a file of the run."""
    assert subprocess.run(f"exec {WORDS} {closed}", shell=True, cwd=tmp_path, check=False).returncode == 0
    assert (tmp_path / "run" / "artifacts" / "litert-w8a8.tflite").read_bytes()[4:8] == b"TFL3"
    assert (tmp_path / "run" / ".lock").read_text().split()[0].isdigit()


def test_a_terminal_that_knows_ascii_only_gets_question_marks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgequant", "run", "\u2212"]
    said = subprocess.run(
        command, cwd=tmp_path, check=False, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert said.returncode == 2 and b"No study is named '?'" in said.stderr


def test_a_mistake_is_one_without_streams_too(tmp_path: Path) -> None:
    assert subprocess.run(f"exec {MISTAKE} 2>&-", shell=True, cwd=tmp_path, check=False).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_no_room_for_what_is_printed_is_one_line(tmp_path: Path) -> None:
    command = f"exec {sys.executable} -m edgequant list >/dev/full"
    said = subprocess.run(command, shell=True, cwd=tmp_path, check=False, capture_output=True, text=True)
    assert said.returncode != 0 and "Traceback" not in said.stderr
    assert "No space left on device" in said.stderr
