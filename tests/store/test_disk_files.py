"""Artifacts: written whole, in a folder that need not be there, and recorded by their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from edgequant.core.errors import RunFolderError
from edgequant.store.artifact import artifact, write_artifact
from edgequant.store.disk import write_bytes


def test_an_artifact_is_recorded_by_its_content(tmp_path: Path) -> None:
    made = write_artifact(tmp_path / "new" / "a.tflite", b"abc")
    assert made == artifact(tmp_path / "new" / "a.tflite")
    assert (made.bytes, made.sha256) == (3, hashlib.sha256(b"abc").hexdigest())
    assert [p.name for p in made.path.parent.iterdir()] == ["a.tflite"]


def test_an_artifact_under_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_artifact(tmp_path / "taken" / "a.tflite", b"abc")


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_bytes(tmp_path / "a", b"abc")
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
