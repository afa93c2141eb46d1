"""Folders that nobody laid out: each image is in a split, or counted as left out; labels are torchvision's."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.imagefolder import ImageFolder
from edgequant.data.folders.files import FolderSplit
from edgequant.data.folders.unlabelled import Images

SPEC = InputSpec(3, 8, 8)
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
CLASSES = ["cat", "Dog", "eel", "0", "1", "10", "2", "n01440764", "été", "with space", "a.png", "train x"]
SPLITS = [("train", "val", "test"), ("Train", "Validation", "Testing"), ("training", "test"), ("TRAIN", "valid")]
SPLITS += [("val", "test"), ("train",), ("test",), ("seg_train", "seg_test"), ()]
LOOSE = ["notes.txt", ".DS_Store", ".a.png", "e.heic", "x.PNG", "Thumbs.db", "y.jpeg"]
FOLDERS = [".git", "__MACOSX", "@eaDir", "extra", "empty", "deep/er", "cat", "test"]


def find_classes(folder: Path) -> dict[str, int]:
    """torchvision.datasets.folder.find_classes, for what is visible."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir() and visible(entry.name))
    return {name: k for k, name in enumerate(names)}


def make_dataset(folder: Path, classes: dict[str, int]) -> Iterator[tuple[Path, int]]:
    """torchvision.datasets.folder.make_dataset, for what is visible and no empty file."""
    for name in sorted(classes):
        for root, _, files in sorted(os.walk(folder / name, followlinks=True)):
            if not all(map(visible, Path(root).relative_to(folder).parts)):
                continue
            for file in sorted(files):
                path = Path(root) / file
                if visible(file) and file.lower().endswith(IMAGES) and path.stat().st_size:
                    yield path, classes[name]


def visible(name: str) -> bool:
    return not name.startswith(".") and name not in ("__MACOSX", "@eaDir")


def write(path: Path, content: bytes = b"x") -> None:
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def every_image(base: Path) -> set[str]:
    found = (Path(root) / name for root, _, names in os.walk(base) for name in names)
    return {str(path.relative_to(base)) for path in found if path.name.lower().endswith(IMAGES)}


def counted(note: str) -> int:
    """How many images the note says were left out."""
    said = note.partition("Left out: ")[2]
    counts = re.findall(r"([\d,]+) files? (without an image's suffix)?", said)
    return sum(int(n.replace(",", "")) for n, other in counts if not other)


files = st.lists(st.tuples(st.sampled_from(["", "a/", "a/b/"]), st.integers(0, 5)), min_size=1, max_size=4)


@st.composite
def laid_out(draw: st.DrawFn, base: Path) -> None:
    """Class folders in splits or not, in a folder of their own or not; and a few things that nobody wants."""
    wrapper = draw(st.sampled_from(["", "photos/", "a/b/"]))
    names = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    for split in draw(st.sampled_from(SPLITS)) or ("",):
        for name in names:
            for folder, number in draw(files):
                write(base / wrapper / split / name / folder / f"{number}.{draw(st.sampled_from(['png', 'JPG']))}")
    places = [path for path in base.rglob("*") if path.is_dir()]
    for place in draw(st.lists(st.sampled_from([base, *places]), max_size=3)):
        folder = draw(st.sampled_from(["", "", "", *FOLDERS]))
        write(place / folder / draw(st.sampled_from(LOOSE)), draw(st.sampled_from([b"x", b"x", b""])))


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_every_image_is_in_a_split_or_counted_and_has_the_label_of_torchvision(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "set"
        base.mkdir()
        data.draw(laid_out(base))
        try:
            splits = ImageFolder(str(base)).load(SPEC)
        except BadData as error:
            refused(str(error), base)
            return
        train, validation, test = splits.train, splits.validation, splits.test
        assert isinstance(train, FolderSplit) and test is not None and test.labels is not None
        taken = [set(split.indices.tolist()) for split in (train, validation, test)]
        assert not taken[2] & (taken[0] | taken[1]) and (taken[0] == taken[1] or not taken[0] & taken[1])
        assert taken[0] | taken[1] | taken[2] == set(range(len(train.names)))
        assert len(set(train.names)) == len(train.names) and set(train.names) <= every_image(base)
        assert len(train.names) + counted(splits.note) == len(every_image(base)), splits.note
        assert train.source_labels is not None
        judged(base, splits.classes, dict(zip(train.names, train.source_labels.tolist())))


def judged(base: Path, classes: tuple[str, ...], labels: dict[str, int]) -> None:
    """Of each split folder: every image that torchvision finds there, with the class that torchvision gives it."""
    found: dict[str, int] = {}
    for name, label in labels.items():
        parts = name.split("/")
        root = base.joinpath(*parts[: parts.index(classes[label])])
        by_name = {k: classes.index(k) for k in find_classes(root) if k in classes}
        found |= {str(p.relative_to(base)): k for p, k in make_dataset(root, by_name)}
        if name not in found:
            raise AssertionError(name)
    assert found == labels
    assert list(classes) == sorted(classes)


def refused(message: str, base: Path) -> None:
    assert "\n" not in message and str(base) in message and len(message) < 700
    assert not re.search(r"delete|remove", message)


@st.composite
def heap(draw: st.DrawFn, base: Path) -> None:
    """Anything anywhere."""
    name = st.sampled_from([*CLASSES, *FOLDERS, "train", "val", "Test", "labels.csv", *LOOSE])
    for parts in draw(st.lists(st.lists(name, min_size=1, max_size=4), max_size=8)):
        path = base.joinpath(*parts)
        if not any(one.is_file() for one in [path, *path.parents]):
            path.mkdir(parents=True, exist_ok=True) if draw(st.booleans()) else write(path)


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_a_heap_is_read_or_refused_in_a_line_that_names_what_is_strange(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "set"
        base.mkdir()
        data.draw(heap(base))
        for dataset in (ImageFolder(str(base)), Images(str(base))):
            try:
                splits = dataset.load(SPEC)
            except BadData as error:
                refused(str(error), base)
                continue
            assert isinstance(splits.train, FolderSplit)
            assert len(splits.train.names) + counted(splits.note) == len(every_image(base)), splits.note
