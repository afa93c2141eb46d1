from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.idx import FashionMnist, Mnist, read_idx

GREY = InputSpec(1, 28, 28)
Idx = Callable[[np.ndarray], bytes]


def test_raw_and_gzipped_files_make_stratified_disjoint_splits(mnist_folder: Path) -> None:
    splits = Mnist(root=str(mnist_folder.parent)).load(GREY)
    assert splits.test is not None
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [550, 50, 100]
    assert sorted([*splits.train.indices, *splits.validation.indices]) == list(range(600))
    assert np.bincount(splits.validation.labels).tolist() == [5] * 10
    assert splits.train.take(np.arange(2)).shape == (2, 28, 28, 1)
    assert "600 training and 100 test" in splits.note


def test_the_folder_of_the_files_itself_may_be_named(mnist_folder: Path) -> None:
    assert Mnist(str(mnist_folder)).load(GREY).fingerprint == Mnist(str(mnist_folder.parent)).load(GREY).fingerprint


def test_fashion_mnist_has_its_own_folder_and_names(mnist_folder: Path) -> None:
    mnist_folder.rename(mnist_folder.with_name("fashion-mnist"))
    splits = FashionMnist(str(mnist_folder.parent)).load(GREY)
    assert splits.classes[9] == "Ankle boot" and len(splits.classes) == 10
    assert Mnist().image_shape() == FashionMnist().image_shape() == (1, 28, 28)


def test_a_network_for_other_images_is_refused_before_any_file_is_looked_for() -> None:
    with pytest.raises(BadData, match=r"MNIST has 1x28x28 images"):
        Mnist().load(InputSpec(3, 32, 32))


def test_an_array_comes_back_as_it_was_written(tmp_path: Path, idx: Idx) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(gzip.compress(idx(array)))
    assert np.array_equal(read_idx(tmp_path / "a", 3), array)


def broken(idx: Idx) -> dict[str, tuple[bytes, str]]:
    whole = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
    liar = whole[:4] + struct.pack(">3I", 2**31, 2**31, 2**31) + whole[16:]
    return {
        "empty": (b"", "begins with nothing"),
        "another type": (b"\0\0\x0d\x03" + whole[4:], "begins with 00000d03, expected 00000803"),
        "labels for images": (idx(np.zeros(3, np.uint8)), "begins with 00000801"),
        "cut in the header": (whole[:9], "header ends after 9 bytes, expected 16"),
        "cut": (whole[:-1], "promises 24 bytes of content and it has 23"),
        "too long": (whole + b"\0", "promises 24 bytes of content and it has more"),
        "no content": (idx(np.zeros((0, 28, 28), np.uint8)), "promises 0 bytes"),
        "a size that would fill the memory": (liar, "it has 24"),
        "cut gzip": (gzip.compress(whole)[:-9], "not a whole IDX file"),
        "damaged gzip": (gzip.compress(whole)[:12] + b"\xff" * 20, "not a whole IDX file"),
    }


@pytest.mark.parametrize("case", list(broken(lambda a: a.tobytes())))
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, idx: Idx, case: str) -> None:
    content, message = broken(idx)[case]
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(BadData, match=message) as raised:
        read_idx(tmp_path / "a", 3)
    assert "\n" not in str(raised.value) and "fresh copy" in str(raised.value)


def test_a_label_that_is_no_class_is_refused(mnist_folder: Path, idx: Idx) -> None:
    (mnist_folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(100, 10, np.uint8)))
    with pytest.raises(BadData, match=r"t10k-labels-idx1-ubyte has a label 10, outside 0..9"):
        Mnist(str(mnist_folder)).load(GREY)


def test_more_labels_than_images_are_refused(mnist_folder: Path, idx: Idx) -> None:
    (mnist_folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(99, np.uint8)))
    with pytest.raises(BadData, match=r"has 100 images and t10k-labels-idx1-ubyte has 99 labels"):
        Mnist(str(mnist_folder)).load(GREY)


def test_images_of_another_size_are_refused(mnist_folder: Path, idx: Idx) -> None:
    (mnist_folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((100, 8, 8), np.uint8)))
    with pytest.raises(BadData, match=r"has images of 8x8. Expected 28x28"):
        Mnist(str(mnist_folder)).load(GREY)


def test_the_real_mnist(real: Callable[[str], str]) -> None:
    splits = Mnist(real("mnist")).load(GREY)
    assert splits.test is not None and splits.note == ""
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [55_000, 5_000, 10_000]
    assert np.intersect1d(splits.train.indices, splits.validation.indices).size == 0
    assert np.bincount(splits.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
