"""MNIST and Fashion-MNIST: IDX files, the format described at the foot of LeCun's MNIST page."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, final

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..download import data_root, fetch, locate, present
from ..splits import check_labels, check_shape, count_note, with_test_set

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
OFFICIAL = (60_000, 10_000)
HELD_OUT = 12  # one training image in twelve is validation: 5,000 of 60,000
CHUNK = 1 << 20
MOST_BYTES = 1 << 28  # of one file, unpacked; the largest of these sets has 47 MB


@dataclass(frozen=True)
class Source:
    """One of the sets in this format: its folders' usual names, and where its files are published."""

    name: str
    folders: tuple[str, ...]
    url: str
    md5: tuple[str, ...]  # of the .gz of each of FILES
    classes: tuple[str, ...]


MNIST = Source(
    "MNIST",
    ("mnist", "MNIST/raw"),
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    tuple("0123456789"),
)
FASHION = Source(
    "Fashion-MNIST",
    ("fashion_mnist", "fashion-mnist", "FashionMNIST/raw"),
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


@final
@dataclass(frozen=True)
class Mnist(AbstractDataset):
    """MNIST (LeCun et al., 1998): 55,000 / 5,000 / 10,000, stratified; raw or gzipped IDX files."""

    root: str = ""

    def image_shape(self) -> tuple[int, int, int] | None:
        return (1, 28, 28)

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for files that are missing and cannot be fetched, damaged or mislabelled."""
        return load(MNIST, self.root, inputs)


@final
@dataclass(frozen=True)
class FashionMnist(AbstractDataset):
    """Fashion-MNIST (Xiao et al., 2017): 55,000 / 5,000 / 10,000, stratified; raw or gzipped IDX files."""

    root: str = ""

    def image_shape(self) -> tuple[int, int, int] | None:
        return (1, 28, 28)

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for files that are missing and cannot be fetched, damaged or mislabelled."""
        return load(FASHION, self.root, inputs)


def load(source: Source, root: str, inputs: InputSpec) -> Splits:
    check_shape((1, 28, 28), inputs, source.name)
    folder = locate(root, source.folders, FILES) or _fetch_all(source, root)
    paths = [path for path in (present(folder, name) for name in FILES) if path]
    train = _pair(paths[0], paths[1], source)
    test = _pair(paths[2], paths[3], source)
    note = count_note(len(train[1]), len(test[1]), OFFICIAL)
    return with_test_set(source.classes, train, test, len(train[1]) // HELD_OUT, note)


def _fetch_all(source: Source, root: str) -> Path:
    folder = data_root(root) / source.folders[0]
    for name, md5 in zip(FILES, source.md5):
        if not present(folder, name):
            fetch(f"{source.url}{name}.gz", md5, folder / f"{name}.gz")
    return folder


def _pair(images: Path, labels: Path, source: Source) -> tuple[Array, Array]:
    """(N, 28, 28, 1) uint8 images and their (N,) int64 labels."""
    pixels, classes = read_idx(images, 3), read_idx(labels, 1)
    if pixels.shape[1:] != (28, 28):
        raise BadData(
            f"{images} has images of {pixels.shape[1]}x{pixels.shape[2]}. Expected 28x28: use {source.name}'s own."
        )
    if len(pixels) != len(classes):
        raise BadData(
            f"{images} has {len(pixels)} images and {labels.name} has {len(classes)} labels."
            " Expected as many of one as of the other: put fresh copies in their place."
        )
    return pixels[..., None], check_labels(classes, len(source.classes), str(labels))


def read_idx(path: Path, dimensions: int) -> Array:
    """The unsigned bytes of an IDX file, gzipped or not, with exactly `dimensions` axes. Raises BadData."""
    try:
        with _open(path) as file:
            shape = _header(file.read(4 + 4 * dimensions), dimensions)
            data = _body(file, math.prod(shape))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise BadData(f"{path} is not a whole IDX file: {error}. Put a fresh copy in its place.") from error
    return np.frombuffer(data, np.uint8).reshape(shape)


def _open(path: Path) -> BinaryIO:
    """By its first bytes: a gzipped file that lost its suffix is still gzipped."""
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if gzipped else path.open("rb")  # type: ignore[return-value]


def _header(head: bytes, dimensions: int) -> tuple[int, ...]:
    """The shape. Magic: two zero bytes, the type (8 is unsigned byte), the number of axes; then big-endian sizes."""
    magic = bytes((0, 0, 8, dimensions))
    if head[:4] != magic:
        raise ValueError(f"it begins with {head[:4].hex() or 'nothing'}, expected {magic.hex()}")
    if len(head) < 4 + 4 * dimensions:
        raise ValueError(f"its header ends after {len(head)} bytes, expected {4 + 4 * dimensions}")
    return struct.unpack(f">{dimensions}I", head[4:])


def _body(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, read piece by piece: a header that lies about its size reserves no memory."""
    data, most = bytearray(), min(size, MOST_BYTES)
    while len(data) <= most and (chunk := file.read(min(CHUNK, most + 1 - len(data)))):
        data += chunk
    if len(data) > MOST_BYTES:
        raise ValueError(f"its header promises {size} bytes of content, expected at most {MOST_BYTES}")
    if len(data) != size or not size:
        more = "more" if len(data) > size else str(len(data))
        raise ValueError(f"its header promises {size} bytes of content and it has {more}")
    return bytes(data)
