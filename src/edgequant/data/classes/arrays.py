"""Images and labels as arrays: in one .npz file, or handed over by the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData
from ...core.foreign import check_archive_size
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..download import data_root
from ..splits import ArraySplit, check_labels, check_shape, fingerprint, stratified, with_test_set
from .check_arrays import check_first_label, checked_images, checked_labels

NAMES = (("x_train", "y_train", "x_test", "y_test"), ("images", "labels", "test_images", "test_labels"))
TENTH = 10  # of the training images is validation, where there is a test set
FIFTH = 5  # of all images is test, and another is validation, where there is none
FEWEST = 10


@final
@dataclass(frozen=True)
class Arrays(AbstractDataset):
    """An .npz file with `images` and `labels`, or with `x_train, y_train, x_test, y_test` as Keras names them.

    Images are (N, H, W, C) or (N, H, W), uint8, or float32 in 0..255. `class_names` is optional, and so are
    `labels`. No pickle is ever read. Cut as `from_arrays` says.
    """

    path: str = ""
    root: str = ""

    def image_shape(self) -> tuple[int, int, int] | None:
        return self._content().image_shape()

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for a file that is missing, damaged, or holds something else."""
        return self._content().load(inputs)

    def _content(self) -> InMemory:
        path = find_file(self.path, self.root)
        content = read_npz(path)
        names = next((names for names in NAMES if names[0] in content), None)
        if names is None:
            raise BadData(
                f"{path} holds {', '.join(content) or 'nothing'}. Expected 'images' and 'labels', or 'x_train',"
                " 'y_train', 'x_test' and 'y_test': write it with numpy.savez(FILE, images=…, labels=…)."
            )
        classes = content.get("class_names")
        found = _names(path, classes) if classes is not None else None
        return InMemory(content[names[0]], content.get(names[1]), found, *(content.get(n) for n in names[2:]))


def _names(path: Path, array: Array) -> tuple[str, ...]:
    """Raises BadData for bytes that are no text: numpy hands out characters that Python refuses with a SystemError."""
    try:
        return tuple(map(_text, array.ravel()))
    except (SystemError, ValueError) as error:
        raise BadData(f"'class_names' in {path} is no text ({error}). Write the file again.") from error


@final
@dataclass(frozen=True, eq=False)
class InMemory(AbstractDataset):
    """Arrays of the caller's own, for the Python API. Fields as in `from_arrays`."""

    images: Array
    labels: Array | None = None
    classes: tuple[str, ...] | None = None
    test_images: Array | None = None
    test_labels: Array | None = None

    def image_shape(self) -> tuple[int, int, int] | None:
        _, height, width, channels = checked_images(self.images, "Images").shape
        return (channels, height, width)

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData where the arrays, or the network's input, do not fit."""
        shape = self.image_shape()
        assert shape is not None
        check_shape(shape, inputs, "The array of images")
        return from_arrays(self.images, self.labels, self.classes, self.test_images, self.test_labels)


def from_arrays(
    images: Array,
    labels: Array | None = None,
    classes: tuple[str, ...] | None = None,
    test_images: Array | None = None,
    test_labels: Array | None = None,
) -> Splits:
    """Splits of arrays: images (N, H, W, C) or (N, H, W), uint8 or float32 in 0..255; labels (N,) whole numbers.

    Deterministic and stratified. Without test arrays 60% are train, 20% validation and 20% test; with them, a
    tenth of the training images is validation. Without labels all images serve calibration and validation alike.
    `classes` names them; without it they are named by their number. Raises BadData.
    """
    if (test_images is None) != (test_labels is None) or (labels is None and test_labels is not None):
        raise BadData("Test images and test labels go together, and with training labels. Give all of them, or none.")
    pixels = checked_images(images, "Images")
    if labels is None:
        return _unlabelled(pixels)
    wide = checked_labels(labels, len(pixels), "labels")
    check_first_label(wide, classes is not None)
    names = classes or tuple(str(k) for k in range(int(wide.max()) + 1))
    train = pixels, check_labels(wide, len(names), "The array of labels")
    if test_images is None or test_labels is None:
        return _cut(names, *train)
    tests = checked_images(test_images, "Test images")
    if tests.shape[1:] != pixels.shape[1:]:
        raise BadData(
            f"Test images are {tests.shape[1:]} and the others {pixels.shape[1:]}. Expected one shape for both."
        )
    test = (
        tests,
        check_labels(checked_labels(test_labels, len(tests), "test labels"), len(names), "The array of test labels"),
    )
    return with_test_set(names, train, test, len(pixels) // TENTH)


def find_file(path: str, root: str) -> Path:
    """The file `path`: as it is written, else inside the data root; with `root`, inside that only. Raises BadData."""
    if not path:
        raise BadData("The data set arrays needs a file. Type arrays:FILE.npz.")
    places = [Path(path).expanduser()] if not root else []
    for place in (*places, data_root(root) / path):
        if place.is_file():
            return place
    if Path(path).expanduser().is_dir():
        raise BadData(f"{path} is a folder. Type imagefolder:{path} for its images, or images:{path} without labels.")
    raise BadData(f"The file {path!r} does not exist. Type arrays:FILE.npz with one that does.")


def read_npz(path: Path) -> Mapping[str, Array]:
    """Every array of an .npz file. Raises BadData where it is damaged or holds a pickle."""
    check_archive_size(path, BadData)
    try:
        with path.open("rb") as raw:  # numpy leaves a damaged file open that it opened itself
            file = np.load(raw, allow_pickle=False)
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            return {name: _array(name, file[name]) for name in file.files}
    except Exception as error:  # a damaged or hostile file can raise anything at all
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise BadData(
            f"{path} is not a whole .npz of plain arrays: {reason}."
            " Write it with numpy.savez(FILE, images=…, labels=…), numbers only."
        ) from error


def _array(name: str, found: Any) -> Array:
    """numpy gives the bytes of what is no array."""
    if not isinstance(found, np.ndarray):
        raise ValueError(f"its entry {name!r} is no array")
    return found


def _text(name: bytes | str) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def _unlabelled(pixels: Array) -> Splits:
    pool = ArraySplit(pixels, None, np.arange(len(pixels)))
    note = "No labels: accuracy cannot be measured. The same images serve calibration and validation."
    return Splits((), pool, pool, None, fingerprint(pixels), note)


def _cut(names: tuple[str, ...], pixels: Array, labels: Array) -> Splits:
    if len(pixels) < FEWEST:
        raise BadData(f"There are {len(pixels)} images. Expected at least {FEWEST}, to cut them into three splits.")
    rest, test = stratified(labels, len(labels) // FIFTH)
    kept, held = stratified(labels[rest], len(labels) // FIFTH)
    train, validation = rest[kept], rest[held]
    return Splits(
        classes=names,
        train=ArraySplit(pixels, labels, train),
        validation=ArraySplit(pixels, labels, validation),
        test=ArraySplit(pixels, labels, test),
        fingerprint=fingerprint(*names, pixels, labels, train, validation, test),
        note="No test arrays were given: the images are cut 60/20/20 into train, validation and test, stratified.",
    )
