"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): the official python batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..download import data_root, fetch, locate, unpack
from ..folders.files import check_size
from ..rescale import fewer, rescaled
from ..splits import check_labels, check_shape, count_note, with_test_set
from .unpickle import unpickle

SIDE = 32  # pixels
OFFICIAL = (50_000, 10_000)
HELD_OUT = 10  # one training image in ten is validation: 5,000 of 50,000
ADVICE = "Expected the official python version: put a fresh copy in its place."


@dataclass(frozen=True)
class Source:
    """One of the two sets: its archive, and the names its files and their keys have."""

    name: str
    folder: str
    url: str
    md5: str
    train: tuple[str, ...]
    test: str
    meta: str
    labels: bytes
    names: bytes

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, self.test, self.meta)


CIFAR10 = Source(
    name="CIFAR-10",
    folder="cifar-10-batches-py",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    md5="c58f30108f718f92721af3b95e74349a",
    train=tuple(f"data_batch_{i}" for i in range(1, 6)),
    test="test_batch",
    meta="batches.meta",
    labels=b"labels",
    names=b"label_names",
)
CIFAR100 = Source(
    name="CIFAR-100",
    folder="cifar-100-python",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    md5="eb9058c3a382ffc7106e4002c42a8d85",
    train=("train",),
    test="test",
    meta="meta",
    labels=b"fine_labels",
    names=b"fine_label_names",
)


@final
@dataclass(frozen=True)
class Cifar10(AbstractDataset):
    """CIFAR-10: 45,000 / 5,000 / 10,000, stratified. Nothing in the pickled batches can run code.

    `size`: pixels a side to which the images are scaled; 0 leaves them at 32. `train` and `validation`: only so many
    images of these splits, class-balanced; 0 means all.
    """

    root: str = ""
    size: int = 0
    train: int = 0
    validation: int = 0

    def image_shape(self) -> tuple[int, int, int] | None:
        return _shape(self.size)

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for files that are missing and cannot be fetched, damaged or mislabelled."""
        return _load(CIFAR10, self, inputs)


@final
@dataclass(frozen=True)
class Cifar100(AbstractDataset):
    """CIFAR-100 with its fine labels: 45,000 / 5,000 / 10,000, stratified. Options as CIFAR-10's."""

    root: str = ""
    size: int = 0
    train: int = 0
    validation: int = 0

    def image_shape(self) -> tuple[int, int, int] | None:
        return _shape(self.size)

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for files that are missing and cannot be fetched, damaged or mislabelled."""
        return _load(CIFAR100, self, inputs)


def _shape(size: int) -> tuple[int, int, int]:
    return (3, size or SIDE, size or SIDE)


def _load(source: Source, options: Cifar10 | Cifar100, inputs: InputSpec) -> Splits:
    """As the options ask. Raises BadData where the network takes another size: nothing is scaled in silence."""
    if not options.size:
        check_shape((3, SIDE, SIDE), inputs, source.name)
    check_size(options.size, inputs)
    chosen = fewer(load(source, options.root), options.train, options.validation)
    return rescaled(chosen, inputs) if options.size else chosen


def load(source: Source, root: str) -> Splits:
    """The whole set at its own 32x32."""
    folder = locate(root, (source.folder,), source.files) or _fetch_all(source, root)
    classes = class_names(folder / source.meta, source.names)
    train = read_batches([folder / name for name in source.train], source.labels, len(classes))
    test = read_batches([folder / source.test], source.labels, len(classes))
    note = count_note(len(train[1]), len(test[1]), OFFICIAL)
    return with_test_set(classes, train, test, len(train[1]) // HELD_OUT, note)


def _fetch_all(source: Source, root: str) -> Path:
    base = data_root(root)
    archive = fetch(source.url, source.md5, base / source.url.rpartition("/")[2])
    unpack(archive, base)
    missing = [name for name in source.files if not (base / source.folder / name).is_file()]
    if missing:
        raise BadData(f"{archive} has no {source.folder}/{missing[0]}. {ADVICE}")
    return base / source.folder


def class_names(path: Path, key: bytes) -> tuple[str, ...]:
    content = unpickle(path)
    names = content.get(key) if isinstance(content, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, bytes) for name in names):
        raise BadData(f"{path} has no list of class names {key.decode()!r}. {ADVICE}")
    return tuple(name.decode(errors="replace") for name in names)


def read_batches(paths: list[Path], key: bytes, classes: int) -> tuple[Array, Array]:
    """(N, 32, 32, 3) uint8 images and (N,) int64 labels of all the batches, in order."""
    pairs = [_batch(path, key, classes) for path in paths]
    return np.concatenate([images for images, _ in pairs]), np.concatenate([labels for _, labels in pairs])


def _batch(path: Path, key: bytes, classes: int) -> tuple[Array, Array]:
    content = unpickle(path)
    data, labels = (content.get(b"data"), content.get(key)) if isinstance(content, dict) else (None, None)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.shape[1:] != (3072,) or not len(data):
        raise BadData(f"{path} has no uint8 'data' of 3,072 columns. {ADVICE}")
    if not isinstance(labels, list) or len(labels) != len(data) or not all(type(label) is int for label in labels):
        raise BadData(
            f"{path} has not one whole number in {key.decode()!r} for each of its {len(data)} images. {ADVICE}"
        )
    images = np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return images, check_labels(np.array(labels, np.int64), classes, str(path))
