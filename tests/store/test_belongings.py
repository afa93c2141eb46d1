"""After a run its folder holds its files and the user's, and none of an earlier run."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgequant.store.belongings import MANIFEST, belongings, claim, claimed


def run(folder: Path, *names: str) -> None:
    with belongings(folder):
        for name in names:
            path = folder / name
            claim(path)
            path.parent.mkdir(exist_ok=True)
            path.write_text(name)


def there(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} - {MANIFEST}


def test_what_the_next_run_does_not_write_goes_with_its_folder(tmp_path: Path) -> None:
    run(tmp_path, "artifacts/a", "artifacts/b", "charts/c", "report")
    run(tmp_path, "artifacts/b", "report")
    assert there(tmp_path) == {"artifacts/b", "report"} == {*claimed(tmp_path)}
    assert not (tmp_path / "charts").exists()


def test_a_users_file_stays_beside_ours(tmp_path: Path) -> None:
    run(tmp_path, "artifacts/a", "charts/c")
    (tmp_path / "artifacts" / "notes").write_text("mine")
    run(tmp_path, "report")
    assert there(tmp_path) == {"artifacts/notes", "report"}


def test_one_of_ours_that_the_user_changed_since_is_the_users(tmp_path: Path) -> None:
    run(tmp_path, "artifacts/a")
    (tmp_path / "artifacts" / "a").write_text("edited")
    run(tmp_path, "report")
    assert there(tmp_path) == {"artifacts/a", "report"}


def test_what_a_killed_run_left_is_known(tmp_path: Path) -> None:
    run(tmp_path, "artifacts/a")
    with pytest.raises(KeyboardInterrupt), belongings(tmp_path):
        claim(tmp_path / "artifacts" / "b")
        (tmp_path / "artifacts" / "b").write_text("half")
        raise KeyboardInterrupt
    assert there(tmp_path) == {"artifacts/a", "artifacts/b"}, "nothing goes before a run is done"
    run(tmp_path, "report")
    assert there(tmp_path) == {"report"}


def test_claims_outside_of_a_run_or_of_its_folder_are_nobodys(tmp_path: Path) -> None:
    claim(tmp_path / "alone")
    with belongings(tmp_path):
        claim(tmp_path.parent / "elsewhere", tmp_path / "never written")
    assert claimed(tmp_path) == {}


def test_a_damaged_list_claims_nothing(tmp_path: Path) -> None:
    for text in ("", "[]", '{"files": 3}', "{}"):
        (tmp_path / MANIFEST).write_text(text)
        assert claimed(tmp_path) == {}
