"""How folders are laid out elsewhere, and what each is read as."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.imagefolder import ImageFolder
from edgequant.data.dataset import Splits
from edgequant.data.folders.files import FolderSplit
from edgequant.data.folders.layout import role
from edgequant.data.folders.unlabelled import Images

SPEC = InputSpec(3, 8, 8)
Made = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """`set`, with files of one byte at these paths; `a/{cat,dog}/2` is two images in each of two folders."""

    def make(*paths: str) -> Path:
        for path in paths:
            for one in expanded(path):
                place = tmp_path / "set" / one
                place.parent.mkdir(parents=True, exist_ok=True)
                place.mkdir(exist_ok=True) if one.endswith("/") else place.write_bytes(b"x")
        return tmp_path / "set"

    return make


def expanded(path: str) -> list[str]:
    if "{" in path:
        start, _, rest = path.partition("{")
        names, _, end = rest.partition("}")
        return [one for name in names.split(",") for one in expanded(start + name + end)]
    folder, _, last = path.rpartition("/")
    if not last.isdigit():
        return [path]
    tag = path.replace("/", "-")
    return [f"{folder}/{tag}-{k}.png" for k in range(int(last))]


def load(base: Path, **options: object) -> Splits:
    return ImageFolder(str(base), **options).load(SPEC)  # type: ignore[arg-type]


def folders(splits: Splits) -> tuple[set[str], set[str], set[str]]:
    """The first folder of each image of train, validation and test."""
    assert isinstance(splits.train, FolderSplit)
    names, test = splits.train.names, splits.test
    assert test is not None
    three = [{names[i].partition("/")[0] for i in s.indices} for s in (splits.train, splits.validation, test)]
    return three[0], three[1], three[2]


THREE = [
    ("train", "val", "test"), ("train", "valid", "test"), ("Train", "Validation", "Testing"),
    ("TRAINING", "eval", "TEST"), ("training_set", "validation_set", "test_set"), ("seg_train", "seg_val", "seg_test"),
    ("train2017", "val2017", "test2017"), ("trainset", "valset", "testset"),
    ("train images", "val-images", "test.images"),
]  # fmt: skip


@pytest.mark.parametrize("names", THREE, ids="-".join)
def test_three_splits_by_whatever_name(made: Made, names: tuple[str, str, str]) -> None:
    splits = load(made(*(f"{name}/{{cat,dog}}/2" for name in names)))
    assert folders(splits) == ({names[0]}, {names[1]}, {names[2]}) and splits.classes == ("cat", "dog")
    assert splits.note == "The folder's own train, validation and test splits."


def test_two_splits(made: Made) -> None:
    splits = load(made("Training/{cat,dog}/10", "Validation/{cat,dog}/3"))
    assert folders(splits) == ({"Training"}, {"Training"}, {"Validation"}) and len(splits.validation) == 2
    splits = load(made("b/val/{cat,dog}/3", "b/test/{cat,dog}/3") / "b")
    assert folders(splits) == ({"val"}, {"val"}, {"test"}) and len(splits.train) == len(splits.validation) == 6
    assert splits.note == "Test is test/; val/ serves calibration and validation alike."


@pytest.mark.parametrize("name", ["train", "Val", "test", "photos", "a/b/c"])
def test_one_folder_around_everything_is_read_through(made: Made, name: str) -> None:
    splits = load(made(f"{name}/{{cat,dog}}/3"))
    assert splits.classes == ("cat", "dog") and splits.test is not None
    assert f"All images lie in {name}/" in splits.note and len(splits.test) == len(splits.train) == 3
    assert ("Only train/ has labels: if the network was trained on these" in splits.note) is (name == "train")


def test_each_split_may_have_a_folder_around_it_too(made: Made) -> None:
    splits = load(made("x/seg_train/seg_train/{cat,dog}/9", "x/seg_test/seg_test/{cat,dog}/4"))
    assert splits.test is not None and (len(splits.test), splits.classes) == (8, ("cat", "dog"))


def test_nested_class_folders_are_the_first_ones(made: Made) -> None:
    splits = load(made("cat/2", "cat/indoor/2", "cat/outdoor/night/2", "dog/x/3"))
    assert isinstance(splits.train, FolderSplit) and splits.train.source_labels is not None
    assert splits.classes == ("cat", "dog") and splits.train.source_labels.tolist() == [0] * 6 + [1] * 3


def test_a_class_may_be_called_train(made: Made) -> None:
    assert load(made("bus/2", "car/2", "train/2")).classes == ("bus", "car", "train")


def test_two_classes_may_both_be_called_trains(made: Made, tmp_path: Path) -> None:
    assert load(made("bullet_train/2", "steam_train/2")).classes == ("bullet_train", "steam_train")
    (tmp_path / "set" / "b-synsets.txt").write_text("test\ntrain\n")
    assert load(made("b/train/2", "b/test/2") / "b").classes == ("test", "train")


def test_a_train_that_may_be_a_class_as_well_as_a_split_is_refused_until_told(made: Made, tmp_path: Path) -> None:
    base = made("bus/2", "car/2", "train/{steam,electric}/2")
    with pytest.raises(
        BadData, match=r"train/, which is .* like a split, beside bus/.* imagefolder:.*/train .*synsets="
    ):
        load(base)
    (tmp_path / "classes.txt").write_text("train\ncar\nbus\n")
    splits = load(base, synsets=str(tmp_path / "classes.txt"))
    assert splits.classes == ("train", "car", "bus") and splits.test is not None and len(splits.test) == 4


def test_test_images_without_labels_are_left_out_and_counted(made: Made) -> None:
    splits = load(made("train/{cat,dog}/4", "test/5"))
    assert folders(splits) == ({"train"}, {"train"}, {"train"})
    assert "Only train/ has labels" in splits.note and "5 files without a label (test/test-5-0.png," in splits.note


def test_what_is_no_split_is_left_out_and_counted(made: Made) -> None:
    splits = load(made("train/{cat,dog}/4", "val/{cat,dog}/2", "unlabelled/7", "a.png", "val/b.png"))
    assert "7 files in folders that are no split (unlabelled/" in splits.note
    assert "2 files beside the class folders (a.png, val/b.png)" in splits.note


def test_strange_things_in_class_folders_are_left_out_and_counted(made: Made, tmp_path: Path) -> None:
    base = made("cat/3", "dog/3", ".thumbs/a.png", "cat/._b.jpg", "cat/c.heic", "dog/notes.TXT", "@eaDir/cat/t.jpg")
    (base / "cat" / "empty.png").touch()
    (base / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (base / "dog" / "again").symlink_to(base)
    (base / "dog" / "self.png").symlink_to(base / "dog" / "self.png")
    note = load(base).note
    assert "3 files hidden, or left by an archiver (.thumbs/a.png, @eaDir/cat/t.jpg, cat/._b.jpg)" in note
    assert "2 files without an image's suffix (.heic, .txt)" in note and "1 file of no bytes (cat/empty.png)" in note
    assert "2 files linked to nothing (cat/gone.png, dog/self.png)" in note
    assert "1 file linked to a folder above (dog/again)" in note


def test_links_are_followed(made: Made) -> None:
    base = made("store/a/2", "store/b/3", "set/x/")
    (base / "set" / "cat").symlink_to(base / "store" / "a")
    (base / "set" / "x").rmdir()
    (base / "set" / "dog").symlink_to(base / "store" / "b")
    assert load(base / "set").classes == ("cat", "dog")


def test_upper_case_suffixes_and_odd_names(made: Made) -> None:
    splits = load(made("cat/a.JPG", "cat/b.PnG", "dog, old=1/c:d.png", "dog, old=1/e f.jpeg"))
    assert splits.classes == ("cat", "dog, old=1") and len(splits.train) == 2


def test_names_that_are_no_utf8(made: Made) -> None:
    base = made("cat/2")
    odd = base / b"\xff".decode(errors="surrogateescape")
    odd.mkdir()
    (odd / b"\xfe.png".decode(errors="surrogateescape")).write_bytes(b"x")
    splits = load(base)
    assert splits.classes == ("cat", "�") and splits.note.encode()


def test_numbers_are_ordered_as_text_and_that_is_said(made: Made, tmp_path: Path) -> None:
    base = made("{0,1,2,10}/2")
    splits = load(base)
    assert splits.classes == ("0", "1", "10", "2") and "(10 is class 2, 2 is class 3 …)" in splits.note
    (tmp_path / "set-synsets.txt").write_text("0\n1\n2\n10\n")
    splits = load(base)
    assert splits.classes == ("0", "1", "2", "10") and "as text" not in splits.note
    assert "as text" not in load(made("b/{0,1,2,3}/2") / "b").note


def test_a_class_that_validation_lacks_is_said(made: Made) -> None:
    splits = load(made("train/{cat,dog,eel,fox}/3", "val/{dog,eel}/2", "test/{cat,dog,eel,fox}/2"))
    assert splits.classes == ("cat", "dog", "eel", "fox")
    assert "val/ has no image of 2 of 4 classes (cat, fox)." in splits.note


REFUSED = {
    "an extra class": (
        ["train/{cat,dog}/3", "val/{cat,dog,eel}/2"],
        r"val has a folder 'eel' that is no class of .*/train",
    ),
    "other capitals": (["train/{cat,dog}/3", "val/{Cat,dog}/2"], r"folder 'Cat' .* Did you mean 'cat'\?"),
    "two validations": (
        ["train/{a,b}/2", "val/{a,b}/2", "valid/{a,b}/2"],
        r"both 'val' and 'valid', .* imagefolder:.*val ",
    ),
    "an empty class": (["cat/2", "dog/2", "fox/x.txt"], r"\(fox\) without an image.* add synsets=FILE. .*\(.txt\)"),
    "one class": (["cat/2", "a.png"], r"single class folder, 'cat'.* type images:.*/cat for images without labels"),
    "no folder": (["a.png", "b.png"], r"no sub-folder with an image. .*labels.csv.* type images:"),
    "nothing": (["cat/a.heic", "dog/b.txt"], r"no sub-folder with an image.* 2 files without .* \(.heic, .txt\)"),
    "flat splits, numbered": (
        ["train/3", "test1/3"],
        r"test1/ and train/, which are no classes.* images:.*/train;",
    ),
    "images and masks": (
        ["images/3", "Masks/3"],
        r"Masks/ and images/, which are no classes.* images:.*/images;",
    ),
    "a folder around the classes beside another": (
        ["images/{cat,dog}/2", "meta/x.txt"],
        r"single class folder, 'images'.* type imagefolder:.*/images where its sub-folders are the classes",
    ),
    "flat splits": (
        ["train/3", "test/3"],
        r"test/ and train/, which are no classes.* images:.*/train",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_as_it_is_meant_is_refused(made: Made, name: str) -> None:
    paths, message = REFUSED[name]
    with pytest.raises(BadData, match=message) as refused:
        load(made(*paths))
    assert "delete" not in str(refused.value).lower() and "\n" not in str(refused.value)


def test_a_list_of_classes_makes_no_images(made: Made, tmp_path: Path) -> None:
    (tmp_path / "set-synsets.txt").write_text("cat\ndog\n")
    with pytest.raises(BadData, match=r"set has no image in a class folder"):
        load(made("cat/a.txt"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such files here")
def test_a_pipe_is_no_image(made: Made) -> None:
    base = made("cat/2", "dog/2")
    os.mkfifo(base / "cat" / "pipe.png")
    assert "1 file of a special kind (cat/pipe.png)" in load(base).note


def test_a_folder_may_be_the_current_one(made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    base = made("cat/2", "dog/2")
    whole = load(base).fingerprint
    monkeypatch.chdir(base)
    assert ImageFolder(".").load(SPEC).fingerprint == ImageFolder("./").load(SPEC).fingerprint == whole
    (tmp_path / "set-synsets.txt").write_text("dog\ncat\n")
    assert ImageFolder(".").load(SPEC).classes == ("dog", "cat")
    monkeypatch.chdir(base / "cat")
    assert ImageFolder("..").load(SPEC).classes == ("dog", "cat")


FILES = {
    "photos.zip": r"is an archive, and a folder was expected. Unpack it",
    "photos.tar.gz": r"is an archive",
    "a.PNG": r"is one image, .* Type image[a-z]*:.* for the folder that it lies in",
    "x.npz": r"For arrays type arrays:FILE.npz",
    "whole.pt": r"is a file, and a folder was expected",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_no_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    for dataset in (ImageFolder(str(tmp_path / name)), Images(str(tmp_path / name))):
        with pytest.raises(BadData, match=FILES[name]):
            dataset.load(SPEC)


def test_the_folder_that_may_have_been_meant_is_named(made: Made) -> None:
    made("cat/2")
    with pytest.raises(BadData, match=r"does not exist .* Did you mean '.*/set'\?"):
        load(made("cat/2").parent / "sett")


@pytest.mark.parametrize(
    ("name", "split"),
    [("train", "train"), ("Train_Set", "train"), ("VALID", "validation"), ("test-images", "test"), ("TestSet", "test"),
     ("training", "train"), ("trained", ""), ("contest", ""), ("train_test", ""), ("evaluate", ""), ("latest", "")],
)  # fmt: skip
def test_the_names_of_splits(name: str, split: str) -> None:
    assert role(name) == split
