"""A user's files are what they are on disk at the moment, whatever Python has imported before."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgequant.models.sources import user_code

NET = """
import norm
from inner.deep import DEEP

value = (norm.MEAN, DEEP)


def late():
    import late_norm

    return late_norm.LATE
"""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    yield of(tmp_path / "one", 1)
    for known in list(user_code._known):
        user_code.forget(known)


def of(folder: Path, number: int) -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "net.py").write_text(NET)
    (folder / "norm.py").write_text(f"MEAN = {number}\n")
    (folder / "late_norm.py").write_text(f"LATE = {number}\n")
    (folder / "inner" / "deep.py").write_text(f"DEEP = {number}\n")
    return folder / "net.py"


def test_it_runs_once_as_long_as_nothing_changes(files: Path) -> None:
    first = user_code.load(files)
    assert first.value == (1, 1) and user_code.load(files) is first
    assert str(files.parent) not in sys.path and not list(files.parent.rglob("*.pyc"))


@pytest.mark.parametrize("name", ["norm.py", "inner/deep.py", "net.py"])
def test_any_file_that_changed_is_run_again(files: Path, name: str) -> None:
    before = user_code.load(files)
    path = files.parent / name
    path.write_text(path.read_text().replace("= 1", "= 5") + "\nvalue = 7\n" * (name == "net.py"))
    after = user_code.load(files)
    assert after is not before and after.value == {"norm.py": (5, 1), "inner/deep.py": (1, 5), "net.py": 7}[name]


def test_what_is_imported_late_is_known_too(files: Path) -> None:
    module = user_code.load(files)
    with user_code.importing(files):
        assert module.late() == 1
    (files.parent / "late_norm.py").write_text("LATE = 6\n")
    module = user_code.load(files)
    with user_code.importing(files):
        assert module.late() == 6


def test_two_folders_have_helpers_of_one_name(files: Path, tmp_path: Path) -> None:
    other = of(tmp_path / "two", 2)
    for _ in range(2):
        assert user_code.load(files).value == (1, 1) and user_code.load(other).value == (2, 2)
        for path, number in ((files, 1), (other, 2)):
            with user_code.importing(path):
                assert user_code.load(path).late() == number


def test_a_module_of_the_callers_own_stays_the_callers(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(files.parent)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import norm  # type: ignore[import-not-found]

    assert user_code.load(files).value == (1, 1)
    (files.parent / "norm.py").write_text("MEAN = 8\n")
    assert user_code.load(files).value == (1, 1) and sys.modules.pop("norm") is norm


def test_a_file_that_failed_is_tried_again(files: Path) -> None:
    files.write_text("import norm\nraise ValueError('no')\n")
    with pytest.raises(ValueError, match="no"):
        user_code.load(files)
    files.write_text(NET)
    (files.parent / "norm.py").write_text("MEAN = 4\n")
    assert user_code.load(files).value == (4, 1)


def test_a_helper_that_went_is_missed(files: Path) -> None:
    user_code.load(files)
    (files.parent / "norm.py").unlink()
    with pytest.raises(ModuleNotFoundError, match="norm"):
        user_code.load(files)
