"""A data set named by a path alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgequant.core.errors import BadData, UnknownName
from edgequant.core.image import InputSpec
from edgequant.data.classes.digits import Digits
from edgequant.data.named.named_data import named_dataset
from pipeline_samples import in_memory

SPEC = InputSpec(3, 8, 8)
Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Files of one byte at these paths; the current folder is the one that they are in."""
    monkeypatch.delenv("EDGEQUANT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def make(*paths: str) -> Path:
        for path in paths:
            (tmp_path / "here" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "here" / path).write_bytes(b"x")
        return tmp_path / "here"

    return make


CLASSES = ["photos/cat/1.png", "photos/cat/2.png", "photos/dog/3.png", "photos/dog/4.png"]
SPLIT = [path.replace("photos", f"photos/{split}") for split in ("Train", "Val") for path in CLASSES]
READ = {
    "class folders": (CLASSES, "imagefolder:photos", ("cat", "dog")),
    "splits": (SPLIT, "imagefolder:photos", ("cat", "dog")),
    "a flat folder": (["photos/1.png", "photos/2.png"], "images:photos", ()),
    "a flat folder in a folder": (["photos/all/1.png", "photos/all/2.png"], "images:photos", ()),
}


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("spelt", ["photos", "./photos/", "{here}/photos", "photos,size=8"])
def test_a_folder_is_read_as_what_it_holds_and_that_is_said(made: Made, kind: str, spelt: str) -> None:
    paths, read, classes = READ[kind]
    path = spelt.format(here=made(*paths))
    found = named_dataset(path)
    splits = found.load(SPEC)
    assert splits.classes == classes and f"Read as {read.partition(':')[0]}:" in splits.note
    assert found.image_shape() == ((3, 8, 8) if "size" in spelt else None)
    assert not classes or "in sub-folders: 2 classes (cat, dog). " in splits.note
    assert splits.fingerprint == named_dataset(read).load(SPEC).fingerprint


def test_lists_and_arrays(made: Made) -> None:
    here = made("photos/a.png", "photos/b.png")
    (here / "photos" / "mine.csv").write_text("a.png,cat\nb.png,dog\n")
    assert named_dataset("photos/mine.csv").load(SPEC).classes == ("cat", "dog")
    (here / "photos" / "mine.csv").rename(here / "photos" / "labels.csv")
    assert "Read as imagefolder:photos, as it has images and a list" in named_dataset("photos").load(SPEC).note
    np.savez(here / "x.npz", images=np.zeros((20, 8, 8, 3), np.uint8), labels=np.arange(20) % 2)
    assert "Read as arrays:x.npz" in named_dataset("x.npz").load(SPEC).note


def test_a_name_of_the_catalog_comes_first(made: Made) -> None:
    made("digits/cat/1.png", "digits/dog/1.png")
    assert named_dataset("digits") == Digits()
    assert named_dataset(data := in_memory()) is data


def test_a_folder_in_the_data_root(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQUANT_DATA", str(made(*CLASSES)))
    monkeypatch.chdir("/")
    assert named_dataset("photos").load(SPEC).classes == ("cat", "dog")


def test_what_is_nowhere_or_no_images_is_refused(made: Made) -> None:
    made("photos/notes.txt", "p.zip", "a.png", "whole.pt")
    for spec, kind, message in (
        ("digit", UnknownName, r"Did you mean 'digits'.* Nor is there a folder or a file 'digit': type --data FOLDER"),
        ("", UnknownName, r"Nor is there a folder"),
        ("./fotos", BadData, r"'./fotos' does not exist .* Did you mean 'photos'\?"),
        ("photos", BadData, r"photos has no image.* 1 file without an image's suffix \(.txt\)"),
        ("p.zip", BadData, r"p.zip is an archive.* Unpack it"),
        ("a.png", BadData, r"a.png is one image"),
        ("whole.pt", BadData, r"whole.pt is a file"),
    ):
        with pytest.raises(kind, match=message):
            named_dataset(spec)
