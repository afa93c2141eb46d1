from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.arrays import Arrays, InMemory, from_arrays

SPEC = InputSpec(1, 6, 5)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (50, 6, 5), np.uint8)
LABELS = np.arange(50) % 5


def write(path: Path, **arrays: Any) -> Arrays:
    np.savez(path, **arrays)
    return Arrays(str(path))


def test_images_and_labels_are_cut_60_20_20_stratified(tmp_path: Path) -> None:
    data = write(tmp_path / "a.npz", images=IMAGES, labels=LABELS, class_names=np.array(list("abcde")))
    splits = data.load(SPEC)
    assert data.image_shape() == (1, 6, 5) and splits.test is not None and splits.classes == tuple("abcde")
    parts = [splits.train, splits.validation, splits.test]
    assert [np.bincount(p.labels).tolist() for p in parts] == [[6] * 5, [2] * 5, [2] * 5]
    assert sorted(np.concatenate([p.indices for p in parts])) == list(range(50))
    assert np.array_equal(splits.test.take(np.arange(10))[..., 0], IMAGES[splits.test.indices])
    assert "60/20/20" in splits.note


def test_the_names_of_keras(tmp_path: Path) -> None:
    """Labels come as (N, 1) there, and a test set comes along."""
    data = write(
        tmp_path / "a.npz",
        x_train=IMAGES,
        y_train=LABELS[:, None].astype(np.uint8),
        x_test=IMAGES[:9],
        y_test=LABELS[:9],
    )
    splits = data.load(SPEC)
    assert splits.test is not None and splits.classes == ("0", "1", "2", "3", "4")
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [45, 5, 9]


def test_byte_strings_name_classes_too(tmp_path: Path) -> None:
    data = write(tmp_path / "a.npz", images=IMAGES, labels=LABELS, class_names=np.array([b"a", b"b", b"c", b"d", b"e"]))
    assert data.load(SPEC).classes == tuple("abcde")


def test_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    wild = np.full(5, 0x7FFFFFFF, np.uint32).view("<U1")
    data = write(tmp_path / "a.npz", images=IMAGES, labels=LABELS, class_names=wild)
    with pytest.raises(BadData, match=r"'class_names' in .* is no text"):
        data.load(SPEC)


def test_a_file_is_looked_for_in_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    monkeypatch.setenv("EDGEQUANT_DATA", str(tmp_path))
    assert Arrays("a.npz").load(SPEC).fingerprint == Arrays("a.npz", str(tmp_path)).load(SPEC).fingerprint


def test_without_labels_all_images_are_one_pool(tmp_path: Path) -> None:
    splits = write(tmp_path / "a.npz", images=IMAGES).load(SPEC)
    assert splits.test is None and splits.train.labels is None and len(splits.train) == len(splits.validation) == 50
    assert "No labels" in splits.note


def test_float_images_stay_as_they_are() -> None:
    images = IMAGES.astype(np.float32) + np.float32(0.25) * (IMAGES < 255)
    splits = InMemory(images, LABELS).load(SPEC)
    taken = splits.train.take(np.array([0]))
    assert taken.dtype == np.float32 and np.array_equal(taken[0, ..., 0], images[splits.train.indices[0]])


def test_the_fingerprint_is_of_the_content() -> None:
    other = IMAGES.copy()
    other[0, 0, 0] ^= 1
    prints = {from_arrays(IMAGES, LABELS).fingerprint, from_arrays(other, LABELS).fingerprint}
    assert len(prints) == 2 and from_arrays(IMAGES.copy(), LABELS).fingerprint in prints


def test_a_network_for_other_images_is_refused() -> None:
    with pytest.raises(BadData, match=r"The array of images has 1x6x5 images .* takes 3x6x5"):
        InMemory(IMAGES, LABELS).load(InputSpec(3, 6, 5))


FLOATS = IMAGES.astype(np.float32)
WITH_NAN = np.where(np.arange(50)[:, None, None] == 7, np.float32("nan"), FLOATS)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another type": ({"images": IMAGES.astype(np.int64)}, "Images are int64. Expected uint8"),
    "double precision": (
        {"images": FLOATS.astype(np.float64)},
        r"Images are float64.* type images.astype\('float32'\)",
    ),
    "16 bits": (
        {"images": IMAGES.astype(np.uint16) * 257},
        r"go up to \d{5}. Type \(images // 257\).astype\('uint8'\)",
    ),
    "int8": (
        {"images": (IMAGES.astype(np.int16) - 128).astype(np.int8)},
        r"theirs are -\d+..\d+. Undo what moved them",
    ),
    "black and white": ({"images": IMAGES > 9}, r"type images.astype\('uint8'\) \* 255"),
    "text": ({"images": IMAGES.astype(str)}, "give arrays of numbers"),
    "two axes": ({"images": IMAGES[0]}, r"Images have the shape \(6, 5\)"),
    "no image": ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"have the shape \(0, 6, 5\)"),
    "channels first": ({"images": np.zeros((50, 3, 6, 7), np.uint8)}, r"type images.transpose\(0, 2, 3, 1\)"),
    "NaN": ({"images": WITH_NAN}, "NaN or infinite"),
    "infinity": ({"images": np.where(FLOATS > 9, FLOATS, np.float32("inf"))}, "NaN or infinite"),
    "normalised": ({"images": FLOATS - 128}, "undo the normalisation"),
    "above 255": ({"images": FLOATS * 2}, "Expected pixels in 0..255"),
    "in 0..1": ({"images": FLOATS / 255}, r"type images \* 255"),
    "fewer labels": ({"labels": LABELS[:49]}, "There are 50 images and 49 labels"),
    "float labels": ({"labels": LABELS / 2}, r"Labels are float64.* type labels.astype\('int64'\)"),
    "names for labels": ({"labels": LABELS.astype(str)}, r"type numpy.unique\(labels, return_inverse=True\)\[1\]"),
    "labels from 1": ({"labels": LABELS + 1}, r"Labels go from 1 to 5. .*type labels - 1. .*name all 6 classes"),
    "one-hot labels": ({"labels": np.eye(5, dtype=np.uint8)[LABELS]}, r"type labels.argmax\(1\)"),
    "negative label": ({"labels": LABELS - 1}, "The array of labels has a label -1"),
    "label beyond the names": ({"classes": ("a", "b")}, "label 4, outside 0..1"),
    "too few": ({"images": IMAGES[:9], "labels": LABELS[:9]}, "There are 9 images. Expected at least 10"),
    "test images alone": ({"test_images": IMAGES}, "Test images and test labels go together"),
    "labels of test alone": ({"labels": None, "test_images": IMAGES, "test_labels": LABELS}, "go together"),
    "test images of another size": (
        {"test_images": IMAGES[:, 1:], "test_labels": LABELS},
        "Expected one shape for both",
    ),
    "test labels out of range": (
        {"test_images": IMAGES, "test_labels": LABELS + 1},
        "The array of test labels has a label 5",
    ),
    "fewer test labels": ({"test_images": IMAGES, "test_labels": LABELS[:3]}, "There are 50 images and 3 test labels"),
}


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_cannot_be_meant_is_refused(case: str) -> None:
    change, message = REFUSED[case]
    with pytest.raises(BadData, match=message) as raised:
        from_arrays(**({"images": IMAGES, "labels": LABELS} | change))
    assert "\n" not in str(raised.value)


def test_labels_from_1_are_what_they_say_where_the_classes_are_named_or_gaps_show_it() -> None:
    assert len(from_arrays(IMAGES, LABELS + 1, tuple("abcdef")).classes) == 6
    assert len(from_arrays(IMAGES, LABELS * 2 + 1).classes) == 10


def test_a_folder_is_no_file_of_arrays(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"is a folder. Type imagefolder:.* or images:.* without labels"):
        Arrays(str(tmp_path)).load(SPEC)


def test_a_black_set_is_not_taken_for_a_scaled_one() -> None:
    assert len(from_arrays(np.zeros((20, 4, 4), np.float32), np.arange(20) % 2).train) == 12


def test_an_npz_with_a_pickle_is_refused(tmp_path: Path) -> None:
    data = write(tmp_path / "a.npz", images=np.array([{}], object), labels=LABELS)
    with pytest.raises(BadData, match=r"a.npz is not a whole .npz of plain arrays: Object arrays cannot be loaded"):
        data.load(SPEC)


@pytest.mark.parametrize("keep", [0, 3, 60, 2000])
def test_a_truncated_npz_is_refused(tmp_path: Path, keep: int) -> None:
    data = write(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    path = tmp_path / "a.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadData, match=r"a.npz is not a whole .npz") as raised:
        data.load(SPEC)
    assert "\n" not in str(raised.value)


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[200:400] = bytes(200)
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(BadData, match=r"a.npz is not a whole .npz"):
        Arrays(str(tmp_path / "a.npz")).load(SPEC)


def test_a_bare_npy_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(BadData, match=r"a.npy is not a whole .npz of plain arrays: it is a single array"):
        Arrays(str(tmp_path / "a.npy")).load(SPEC)


def test_an_npz_of_other_names_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"holds foo, bar. Expected 'images' and 'labels'"):
        write(tmp_path / "a.npz", foo=IMAGES, bar=LABELS).load(SPEC)


def test_a_missing_or_unnamed_file_is_refused() -> None:
    with pytest.raises(BadData, match=r"The file 'no.npz' does not exist"):
        Arrays("no.npz").load(SPEC)
    with pytest.raises(BadData, match=r"Type arrays:FILE.npz"):
        Arrays().load(SPEC)
