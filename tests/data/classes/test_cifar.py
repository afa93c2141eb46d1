from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgequant.core.errors import BadData
from edgequant.core.image import InputSpec
from edgequant.data.classes.cifar import Cifar10, Cifar100
from edgequant.data.classes.unpickle import unpickle
from edgequant.data.splits import stratified

COLOUR = InputSpec(3, 32, 32)


def rewrite(path: Path, change: Callable[[dict[bytes, Any]], object]) -> None:
    content = unpickle(path)
    change(content)
    path.write_bytes(pickle.dumps(content, 4))


def test_batches_make_stratified_disjoint_splits(cifar_folder: Path) -> None:
    splits = Cifar10(str(cifar_folder.parent)).load(COLOUR)
    assert splits.test is not None
    assert [len(s) for s in (splits.train, splits.validation, splits.test)] == [90, 10, 20]
    assert sorted([*splits.train.indices, *splits.validation.indices]) == list(range(100))
    assert splits.classes == tuple(f"class {k}" for k in range(10))
    assert "100 training and 20 test" in splits.note


def test_planes_become_pixels(cifar_folder: Path) -> None:
    """Row 41 of the concatenation is row 1 of batch 3: a red plane, a green one, a blue one."""
    splits = Cifar10(str(cifar_folder)).load(COLOUR)
    source = next(s for s in (splits.train, splits.validation) if 41 in s.indices)
    image = source.take(np.flatnonzero(source.indices == 41))[0]
    planes = unpickle(cifar_folder / "data_batch_3")[b"data"][1].reshape(3, 32, 32)
    assert image.shape == (32, 32, 3)
    assert all(np.array_equal(image[..., c], planes[c]) for c in range(3))


def test_cifar_100_uses_its_fine_labels(tmp_path: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, n in (("train", 200), ("test", 100)):
        fine = [k % 100 for k in range(n)]
        data = np.zeros((n, 3072), np.uint8)
        batch = {b"data": data, b"fine_labels": fine, b"coarse_labels": [0] * n}
        (folder / name).write_bytes(pickle.dumps(batch, 4))
    names = {b"fine_label_names": [b"c%d" % k for k in range(100)], b"coarse_label_names": [b"x"] * 20}
    (folder / "meta").write_bytes(pickle.dumps(names, 4))
    splits = Cifar100(str(tmp_path)).load(COLOUR)
    assert splits.test is not None and splits.test.labels is not None
    assert splits.test.labels.tolist() == list(range(100)) and splits.classes[99] == "c99"
    assert Cifar10().image_shape() == Cifar100().image_shape() == (3, 32, 32)


def test_a_network_for_other_images_is_refused_before_any_file_is_looked_for() -> None:
    with pytest.raises(BadData, match=r"CIFAR-10 has 3x32x32 images"):
        Cifar10().load(InputSpec(1, 28, 28))


BROKEN: dict[str, tuple[Callable[[dict[bytes, Any]], object], str]] = {
    "no data": (lambda b: b.pop(b"data"), "no uint8 'data' of 3,072 columns"),
    "no image": (lambda b: b.update({b"data": np.zeros((0, 3072), np.uint8)}), "no uint8 'data'"),
    "float data": (lambda b: b.update({b"data": np.zeros((20, 3072))}), "no uint8 'data'"),
    "other width": (lambda b: b.update({b"data": np.zeros((20, 300), np.uint8)}), "no uint8 'data'"),
    "no labels": (lambda b: b.pop(b"labels"), "not one whole number in 'labels' for each of its 20 images"),
    "a label short": (lambda b: b[b"labels"].pop(), "for each of its 20 images"),
    "a label that is a word": (lambda b: b[b"labels"].__setitem__(0, b"cat"), "not one whole number"),
    "a label that is no class": (lambda b: b[b"labels"].__setitem__(0, 10), "has a label 10, outside 0..9"),
}


@pytest.mark.parametrize("case", list(BROKEN))
def test_a_damaged_batch_is_refused_and_named(cifar_folder: Path, case: str) -> None:
    change, message = BROKEN[case]
    rewrite(cifar_folder / "data_batch_2", change)
    with pytest.raises(BadData, match=rf"data_batch_2 .*{message}"):
        Cifar10(str(cifar_folder)).load(COLOUR)


@pytest.mark.parametrize("content", [[], {}, {b"label_names": []}, {b"label_names": [1]}])
def test_a_meta_file_without_names_is_refused(cifar_folder: Path, content: object) -> None:
    (cifar_folder / "batches.meta").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(BadData, match=r"batches.meta has no list of class names 'label_names'"):
        Cifar10(str(cifar_folder)).load(COLOUR)


def test_the_real_cifar_10_is_cut_as_the_flagship_was_trained(real: Callable[[str], str]) -> None:
    root = real("cifar-10-batches-py")
    splits = Cifar10(root).load(COLOUR)
    batches = [unpickle(Path(root) / "cifar-10-batches-py" / f"data_batch_{i}") for i in range(1, 6)]
    kept, held = stratified(np.concatenate([b[b"labels"] for b in batches]), 5000)
    assert np.array_equal(splits.train.indices, kept) and np.array_equal(splits.validation.indices, held)
    assert splits.test is not None and splits.note == "" and splits.classes[0] == "airplane"
    for split, each in ((splits.train, 4500), (splits.validation, 500), (splits.test, 1000)):
        assert np.bincount(split.labels).tolist() == [each] * 10
    first = batches[0][b"data"][kept[0]].reshape(3, 32, 32).transpose(1, 2, 0)
    assert np.array_equal(splits.train.take(np.array([0]))[0], first)
