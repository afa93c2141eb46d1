"""Files that mean harm: pickles with code in them, archives that are bombs, paths that climb, names that are markup."""

from __future__ import annotations

import copy
import gzip
import io
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from reader_client import Reader

from edgequant.core.errors import BadData
from edgequant.data.classes import idx
from edgequant.data.download import unpack
from edgequant.store.folder import RunFolder

COMMAND = "touch $EDGEQUANT_CANARY"


class Attack:
    """Unpickled by Python itself, it runs a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (COMMAND,))


class Builtin:
    """The same by way of a function that looks harmless to a list of bad modules."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (eval, (f"__import__('os').system({COMMAND!r})",))


def saved(attack: Any) -> bytes:
    made = io.BytesIO()
    torch.save({"state_dict": {"weight": attack}}, made)
    return made.getvalue()


def npz(attack: Any) -> bytes:
    made = io.BytesIO()
    np.savez(made, images=np.array([attack], object), labels=np.array([0]))
    return made.getvalue()


PICKLES = {
    "weights": ("weights.pt", saved),
    "cifar": ("batch.cifar", lambda attack: pickle.dumps({b"data": attack, b"labels": [0]}, 4)),
    "cifar_names": ("meta.cifar", lambda attack: pickle.dumps({b"label_names": [attack]}, 2)),
    "arrays": ("arrays.npz", npz),
}


@pytest.mark.parametrize("attack", [Attack(), Builtin()], ids=["system", "eval"])
@pytest.mark.parametrize("how", PICKLES)
def test_a_pickle_with_code_is_refused_and_nothing_runs(reader: Reader, how: str, attack: Any) -> None:
    name, write = PICKLES[how]
    kind, said = reader.read_bytes(how, name, write(attack))
    assert kind == "refused", said


def test_the_canary_would_sing(reader: Reader) -> None:
    """The test above means something only if code that runs is noticed."""
    assert reader.read_bytes("unsafe_pickle", "evil.pickle", pickle.dumps(Attack()))[0] == "ran"


def bomb(path: Path, like: Path) -> Path:
    """The archive `like`, and over a gigabyte in a few kilobytes: many entries that are one stream of zeros."""
    path.write_bytes(like.read_bytes())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(8 << 20))
        for number in range(160):
            again = copy.copy(archive.filelist[-1])
            again.filename = f"zeros-{number}"
            archive.filelist.append(again)
    return path


@pytest.mark.parametrize(
    ("how", "name"), [("arrays", "arrays.npz"), ("start", "net.keras"), ("start", "net.pt2"), ("weights", "weights.pt")]
)
def test_a_zip_bomb_is_refused_before_it_is_unpacked(reader: Reader, how: str, name: str) -> None:
    path = bomb(reader.work / name, reader.good / name)
    assert path.stat().st_size < 1 << 20
    kind, said = reader.read(how, path)
    assert kind == "refused" and "zip bomb" in said, said


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "MOST_BYTES", 1 << 20)
    head = bytes((0, 0, 8, 3)) + struct.pack(">3I", 1 << 20, 1 << 10, 1 << 10)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(head + bytes(2 << 20)))
    with pytest.raises(BadData, match="expected at most 1048576"):
        idx.read_idx(tmp_path / "bomb.gz", 3)


@pytest.mark.parametrize("number", [2**31, 2**62])
def test_a_label_that_would_name_billions_of_classes_is_refused(reader: Reader, number: int) -> None:
    made = io.BytesIO()
    np.savez(made, images=np.zeros((12, 8, 8), np.uint8), labels=np.array([number] * 12))
    kind, said = reader.read_bytes("arrays", "arrays.npz", made.getvalue())
    assert kind == "refused" and "below 100,000" in said, said


CLIMBING = ("../climbed", "../../climbed", "/climbed-from-root", "a/../../climbed")


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("file", ["net.keras", "net.pt2"])
def test_an_entry_that_climbs_out_of_an_archive_is_written_nowhere(reader: Reader, file: str, name: str) -> None:
    path = reader.work / file
    path.write_bytes((reader.good / file).read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, b"x")
    kind, said = reader.read("start", path)
    assert kind in ("read", "refused"), said
    assert not list(reader.work.parent.rglob("climbed*")) and not Path("/climbed-from-root").exists()


@pytest.mark.parametrize("name", CLIMBING)
def test_a_downloaded_archive_cannot_climb(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data" / "here"
    folder.mkdir(parents=True)
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    if name.startswith("/"):  # the leading slash goes, and the file stays inside
        unpack(tmp_path / "set.tar.gz", folder)
    else:
        with pytest.raises(BadData):
            unpack(tmp_path / "set.tar.gz", folder)
    assert not list(tmp_path.rglob("climbed")) and not Path("/climbed-from-root").exists()


@pytest.mark.parametrize("name", ["../up", "a/b", "..", "/etc/x", "x\n y", "steps/../../x"])
def test_a_steps_name_cannot_leave_the_run_folder(tmp_path: Path, name: str) -> None:
    with RunFolder(tmp_path / "run") as run:
        made = run.step(name, {}, lambda folder: {"made": (folder / "x").write_text("x")})
    assert made.folder.parent == tmp_path / "run" / "steps"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]
