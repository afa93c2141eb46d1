from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgequant.catalog import DATASETS
from edgequant.core.errors import BadData, BadOption
from edgequant.core.image import InputSpec
from edgequant.data.classes.imagefolder import ImageFolder
from edgequant.data.dataset import AbstractSplit

SPEC = InputSpec(3, 8, 8)
Photo = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, photo: Photo) -> Path:
    """30 images in three classes, each file name unique."""
    for k in range(30):
        photo(tmp_path / "pets" / ("cat", "dog", "eel")[k % 3] / f"{k:02}.png", seed=k)
    return tmp_path / "pets"


def name_of(split: AbstractSplit, files: list[str]) -> set[str]:
    return {files[i] for i in split.indices}


def test_a_spec_names_the_folder_and_its_options(folder: Path) -> None:
    built = DATASETS.build(f"imagefolder:{folder},size=8,pool=10")
    assert built == ImageFolder(str(folder), size=8, pool=10)


def test_a_single_split_is_cut_by_the_hash_of_the_file_name(folder: Path) -> None:
    splits = ImageFolder(str(folder), pool=10).load(SPEC)
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.png"))
    by_hash = sorted(files, key=lambda f: hashlib.sha256(f.rpartition("/")[2].encode()).digest())
    assert splits.test is not None
    assert name_of(splits.train, files) == name_of(splits.validation, files) == set(by_hash[:10])
    assert name_of(splits.test, files) == set(by_hash[10:])
    assert "20 images are test, and 10 serve calibration and validation alike" in splits.note


def test_the_pool_is_at_most_half(folder: Path) -> None:
    splits = ImageFolder(str(folder)).load(SPEC)
    assert splits.test is not None and (len(splits.train), len(splits.test)) == (15, 15)


def test_the_pool_can_be_divided_for_training(folder: Path) -> None:
    splits = ImageFolder(str(folder), pool=12, validation=4).load(SPEC)
    assert splits.test is not None
    parts = [splits.train, splits.validation, splits.test]
    assert [len(p) for p in parts] == [8, 4, 18]
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(30))
    assert "8 for training and calibration and 4 for validation" in splits.note


def test_labels_are_the_sorted_folders_and_images_are_theirs(folder: Path) -> None:
    splits = ImageFolder(str(folder), pool=10).load(InputSpec(3, 10, 12))
    assert splits.classes == ("cat", "dog", "eel") and splits.test is not None and splits.test.labels is not None
    assert splits.test.labels.tolist() == (splits.test.indices // 10).tolist()
    k = int(
        splits.test.indices[0]
    )  # the k-th file in order of class, then name, was drawn with seed 3 * (k % 10) + ...
    seed = 3 * (k % 10) + k // 10
    drawn = np.random.default_rng(seed).integers(0, 256, (10, 12, 3), np.uint8)
    assert np.array_equal(splits.test.take(np.array([0]))[0], drawn)


def test_a_cut_does_not_depend_on_where_the_folder_lies(folder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    one, two = ImageFolder(str(folder)).load(SPEC), ImageFolder(str(moved)).load(SPEC)
    assert one.fingerprint == two.fingerprint and np.array_equal(one.train.indices, two.train.indices)
    assert one.fingerprint != ImageFolder(str(folder), pool=10).load(SPEC).fingerprint


def test_a_folder_is_looked_for_in_the_data_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEQUANT_DATA", str(folder.parent))
    found = ImageFolder("pets").load(SPEC).fingerprint
    assert found == ImageFolder("pets", root=str(folder.parent)).load(SPEC).fingerprint


@pytest.fixture
def parted(tmp_path: Path, photo: Photo) -> Callable[[tuple[str, ...]], Path]:
    def make(parts: tuple[str, ...]) -> Path:
        for k, part in enumerate(parts):
            for i in range(20):
                photo(tmp_path / "set" / part / f"class{i % 2}" / f"{i}.png", seed=100 * k + i)
        return tmp_path / "set"

    return make


@pytest.mark.parametrize("other", ["val", "validation", "test"])
def test_train_and_one_other(parted: Callable[[tuple[str, ...]], Path], other: str) -> None:
    splits = ImageFolder(str(parted(("train", other)))).load(SPEC)
    assert splits.test is not None and splits.test.indices.tolist() == list(range(20, 40))
    assert sorted([*splits.train.indices, *splits.validation.indices]) == list(range(20))
    assert f"Test is {other}/; validation is the 2 images of train/" in splits.note
    assert len(splits.validation) == 2 and splits.classes == ("class0", "class1")


def test_train_validation_and_test(parted: Callable[[tuple[str, ...]], Path]) -> None:
    splits = ImageFolder(str(parted(("train", "val", "test")))).load(SPEC)
    assert splits.test is not None
    cuts = [s.indices.tolist() for s in (splits.train, splits.validation, splits.test)]
    assert cuts == [list(range(20)), list(range(20, 40)), list(range(40, 60))]


def test_too_many_for_validation_are_refused(parted: Callable[[tuple[str, ...]], Path], folder: Path) -> None:
    with pytest.raises(BadData, match=r"20 of 20 images in .* would be the validation split"):
        ImageFolder(str(parted(("train", "val"))), validation=20).load(SPEC)
    with pytest.raises(BadData, match=r"10 of 10 images in .* would be the validation split"):
        ImageFolder(str(folder), pool=10, validation=10).load(SPEC)


def test_one_image_cannot_be_cut(tmp_path: Path, photo: Photo) -> None:
    photo(tmp_path / "set" / "a" / "1.png")
    (tmp_path / "set-synsets.txt").write_text("a\nb\n")
    with pytest.raises(BadData, match=r"1 of 1 images in .* would be the test split"):
        ImageFolder(str(tmp_path / "set")).load(SPEC)


def test_line_k_of_a_synsets_file_is_class_k(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pets-synsets.txt").write_text("eel long fish\nowl\ncat\ndog\n")
    splits = ImageFolder(str(folder)).load(SPEC)
    assert splits.classes == ("long fish", "owl", "cat", "dog") and splits.test is not None
    assert set(splits.test.labels) == {0, 2, 3}
    (tmp_path / "other.txt").write_text("cat\ndog\neel\n")
    assert ImageFolder(str(folder), synsets=str(tmp_path / "other.txt")).load(SPEC).classes == ("cat", "dog", "eel")


def test_a_folder_that_the_synsets_file_does_not_name_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pets-synsets.txt").write_text("cat\ndog\n")
    with pytest.raises(BadData, match=r"has a folder 'eel' that is no class of .*pets-synsets.txt"):
        ImageFolder(str(folder)).load(SPEC)


@pytest.mark.parametrize("text", ["", "cat\n\ndog\n", "cat\ncat\ndog\neel\n"])
def test_a_synsets_file_that_makes_no_sense_is_refused(folder: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "s.txt").write_text(text)
    with pytest.raises(BadData, match=r"is empty, has an empty line or names a folder twice"):
        ImageFolder(str(folder), synsets=str(tmp_path / "s.txt")).load(SPEC)


def test_a_synsets_file_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(BadData, match=r"synsets file none.txt cannot be read"):
        ImageFolder(str(folder), synsets="none.txt").load(SPEC)


def test_a_missing_or_unnamed_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"The folder 'nowhere' does not exist \(looked at .* and "):
        ImageFolder("nowhere").load(SPEC)
    with pytest.raises(BadData, match=rf"The folder 'nowhere' does not exist .looked at {tmp_path}/nowhere"):
        ImageFolder("nowhere", root=str(tmp_path)).load(SPEC)
    with pytest.raises(BadData, match=r"Type imagefolder:FOLDER"):
        ImageFolder().load(SPEC)


def test_a_damaged_image_is_named_when_it_is_taken_and_not_before(folder: Path) -> None:
    (folder / "cat" / "00.png").write_bytes(b"\x89PNG")
    splits = ImageFolder(str(folder), pool=10).load(SPEC)
    assert splits.test is not None
    with pytest.raises(BadData, match=r"cat/00.png is not a whole image"):
        for split in (splits.train, splits.test):
            list(split.batches(5))


def test_size_is_what_a_network_without_one_takes(folder: Path) -> None:
    assert ImageFolder(str(folder)).image_shape() is None
    assert ImageFolder(str(folder), size=8).image_shape() == (3, 8, 8)
    assert ImageFolder(str(folder), size=8, channels=1).image_shape() == (1, 8, 8)
    with pytest.raises(BadData, match=r"asked for at size=9 and the network takes 8x8. Leave out size=9"):
        ImageFolder(str(folder), size=9).load(SPEC)


@pytest.mark.parametrize("option", [{"size": -1}, {"pool": 0}, {"validation": -1}, {"channels": 2}])
def test_options_are_checked(option: dict[str, int]) -> None:
    with pytest.raises(BadOption, match=r"imagefolder takes"):
        ImageFolder("x", **option)  # type: ignore[arg-type]


def test_the_real_imagenet_subset(real: Callable[[str], str]) -> None:
    splits = ImageFolder("imagenet-val1300", root=real("imagenet-val1300")).load(InputSpec(3, 224, 224, resize=227))
    assert splits.test is not None
    assert (len(splits.train), len(splits.validation), len(splits.test), len(splits.classes)) == (300, 300, 1000, 1000)
    assert np.intersect1d(splits.train.indices, splits.test.indices).size == 0
    assert splits.classes[0] == "tench, Tinca tinca"
    first = splits.test.take(np.arange(4))
    assert first.shape == (4, 224, 224, 3) and 60 < first.mean() < 200
