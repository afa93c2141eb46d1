"""Images in one folder, and their labels in a list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.imagefolder import ImageFolder
from edgequant.data.dataset import Splits
from edgequant.data.folders.files import FolderSplit

SPEC = InputSpec(3, 8, 8)
NAMES = ["a.png", "b.JPG", "c.png", "d.png"]
List = Callable[[str, str], Path]


@pytest.fixture
def listed(tmp_path: Path) -> List:
    """A folder of four images and a list of this name and text."""

    def make(name: str, text: str) -> Path:
        base = tmp_path / "photos"
        base.mkdir(exist_ok=True)
        for image in NAMES:
            (base / image).write_bytes(b"x")
        (base / name).write_text(text)
        return base

    return make


def labels(splits: Splits) -> dict[str, str]:
    assert isinstance(splits.train, FolderSplit) and splits.train.source_labels is not None
    return {n: splits.classes[k] for n, k in zip(splits.train.names, splits.train.source_labels)}


PETS = dict(zip(NAMES, ["cat", "dog", "cat", "eel"]))
LISTS = {
    "a header": ("labels.csv", "filename,label\na.png,cat\nb.JPG,dog\nc.png,cat\nd.png,eel\n"),
    "no header": ("labels.csv", "a.png,cat\nb.JPG,dog\nc.png,cat\nd.png,eel"),
    "capitals": ("Labels.CSV", "id,breed\na.png,cat\nb.JPG,dog\nc.png,cat\nd.png,eel"),
    "no suffixes": ("labels.csv", "id,breed\na,cat\nb,dog\nc,cat\nd,eel\n"),
    "tabs": ("labels.tsv", "a.png\tcat\nb.JPG\tdog\nc.png\tcat\nd.png\teel\n"),
    "spaces": ("labels.txt", "a.png cat\nb.JPG  dog\n\nc.png cat\nd.png eel\n"),
    "semicolons and back slashes": (
        "labels.csv",
        "\ufefffile;class\r\n.\\a.png;cat\r\nb.JPG;dog\r\nc.png;cat\r\nd.png;eel",
    ),
    "commas in a .txt": ("labels.txt", "a.png,cat\nb.JPG,dog\nc.png,cat\nd.png,eel\n"),
    "a mark of order, returns and quotes": (
        "labels.csv",
        '\ufeff"a.png","cat"\r\nb.JPG,dog\r\nc.png,cat\r\n./d.png,eel\r\n',
    ),
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_list_in_any_common_form(listed: List, kind: str) -> None:
    splits = ImageFolder(str(listed(*LISTS[kind]))).load(SPEC)
    assert labels(splits) == PETS and splits.classes == ("cat", "dog", "eel")
    assert "Labels are those of " in splits.note and splits.test is not None and len(splits.test) == 2


def test_the_list_may_be_named(listed: List, tmp_path: Path) -> None:
    base = listed("mine.csv", LISTS["no header"][1])
    assert labels(ImageFolder(str(base / "mine.csv")).load(SPEC)) == PETS
    assert labels(ImageFolder("photos/mine.csv", root=str(tmp_path)).load(SPEC)) == PETS


def test_images_in_a_folder_beside_the_list(listed: List) -> None:
    base = listed("labels.csv", LISTS["no suffixes"][1])
    (base / "images").mkdir()
    for name in NAMES:
        (base / name).rename(base / "images" / name)
    assert labels(ImageFolder(str(base)).load(SPEC)) == {f"images/{name}": label for name, label in PETS.items()}


def test_images_that_are_not_listed_are_left_out_and_counted(listed: List) -> None:
    splits = ImageFolder(str(listed("labels.csv", "a.png,cat\nb.JPG,dog\n"))).load(SPEC)
    assert set(labels(splits)) == {"a.png", "b.JPG"} and "2 files without a label (c.png, d.png)" in splits.note


def test_numbers_are_class_numbers(listed: List, tmp_path: Path) -> None:
    base = listed("labels.csv", "a.png,0\nb.JPG,10\nc.png,2\nd.png,0\n")
    splits = ImageFolder(str(base)).load(SPEC)
    assert len(splits.classes) == 11 and labels(splits)["b.JPG"] == "10"
    (tmp_path / "photos-synsets.txt").write_text("".join(f"n{k} word {k}\n" for k in range(12)))
    assert labels(ImageFolder(str(base)).load(SPEC))["b.JPG"] == "word 10"


def test_names_may_be_those_of_a_synsets_file(listed: List, tmp_path: Path) -> None:
    (tmp_path / "photos-synsets.txt").write_text("owl\neel\ndog\ncat\n")
    splits = ImageFolder(str(listed(*LISTS["no header"]))).load(SPEC)
    assert labels(splits) == PETS and splits.classes == ("owl", "eel", "dog", "cat")


REFUSED = {
    "numbers from 1": ("a.png,1\nb.JPG,2\nc.png,3\nd.png,1\n", r"labels in .* go from 1 to 3. .* take 1 off each"),
    "a negative number": ("a.png,-1\nb.JPG,2\n", r"go from -1 to 2"),
    "no such image": (
        "a.png,cat\nz.png,dog\ny.png,dog\n",
        r"names 2 images that .* has not, the first in line 2: 'z.png'",
    ),
    "an image twice": ("a.png,cat\na,dog\n", r"names the image 'a.png' twice"),
    "three columns": ("a.png,cat,1\n", r"Line 1 of .* is 'a.png,cat,1'. Expected 'FILE,LABEL'"),
    "no label": ("a.png,cat\nb.JPG,\n", r"Line 2 of .*Expected 'FILE,LABEL'"),
    "nothing": ("\n", r"has no line with an image"),
    "a header alone": ("file,label\n", r"has no line with an image"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_list_that_makes_no_sense_is_refused(listed: List, kind: str) -> None:
    text, message = REFUSED[kind]
    with pytest.raises(BadData, match=message):
        ImageFolder(str(listed("labels.csv", text))).load(SPEC)


def test_a_label_that_is_no_class_of_the_synsets_file_is_refused(listed: List, tmp_path: Path) -> None:
    (tmp_path / "photos-synsets.txt").write_text("cat\ndog\n")
    with pytest.raises(BadData, match=r"Line 4 of .* has the label 'eel', which is no class of .*photos-synsets.txt"):
        ImageFolder(str(listed(*LISTS["no header"]))).load(SPEC)


def test_a_list_that_is_no_text_and_two_lists_are_refused(listed: List) -> None:
    base = listed("labels.csv", "")
    (base / "labels.csv").write_bytes(b"a.png,\xff\xfe")
    with pytest.raises(BadData, match=r"labels.csv cannot be read"):
        ImageFolder(str(base)).load(SPEC)
    (base / "labels.txt").write_text("a.png cat\n")
    with pytest.raises(BadData, match=r"has labels.csv and labels.txt. Expected one: type imagefolder:.*labels.csv"):
        ImageFolder(str(base)).load(SPEC)


def test_class_folders_count_more_than_a_list(listed: List) -> None:
    base = listed("labels.csv", "0,cat\n1,dog\n")
    for name in NAMES:
        (base / name[0]).mkdir()
        (base / name).rename(base / name[0] / name)
    splits = ImageFolder(str(base)).load(SPEC)
    assert splits.classes == ("a", "b", "c", "d") and "1 file without an image's suffix (.csv)" in splits.note
