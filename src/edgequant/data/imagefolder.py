"""A folder of images with one sub-folder a class, with or without splits of its own.

How it is cut
- `train/` beside `val/` (or `validation/`) and `test/`: as they are.
- `train/` beside one of them: that one is the test split, and validation is cut from train.
- Anything else is a single split, its sub-folders the classes. The `pool` images of smallest hash calibrate, train
  and validate; all others are test. The pool is 300, and at most half of the folder.
A cut goes by the sha256 of the file name without its folders (ties: by path), so that it is the same on every
machine and stays when files are added elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import final

import numpy as np

from ..core.errors import BadData, BadOption
from ..core.interfaces import AbstractDataset, Array
from ..core.records import InputSpec, Splits
from .decode import check_channels
from .folder import Files, FolderSplit, check_size, find_folder, list_images, sub_folders
from .splits import fingerprint
from .synsets import Classes, from_folders, read_synsets

VALIDATION_NAMES = ("val", "validation")
Cut = tuple[Array, Array, Array]  # rows of train, validation and test


@final
@dataclass(frozen=True)
class ImageFolder(AbstractDataset):
    """Labelled image files, decoded when they are asked for.

    `size` and `channels` say what a network without an input size of its own is to take. `synsets` is a text file
    whose line k names class k (default: `<folder>-synsets.txt` beside the folder, if there; else the classes are the
    sorted folder names). `pool`: see the module. `validation`: images cut for validation alone; 0 means a tenth of
    `train/`, and of a single split none, its whole pool then serving calibration and validation alike.
    """

    path: str = ""
    size: int = 0
    channels: int = 3
    synsets: str = ""
    pool: int = 300
    validation: int = 0
    root: str = ""

    def __post_init__(self) -> None:
        if self.size < 0 or self.pool < 1 or self.validation < 0 or self.channels not in (1, 3):
            raise BadOption(
                "imagefolder takes size and validation of at least 0, pool of at least 1 and channels of 1 or 3."
                f" Got size={self.size}, validation={self.validation}, pool={self.pool}, channels={self.channels}."
            )

    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, size, size) where a size was asked for; the files themselves have one each."""
        return (self.channels, self.size, self.size) if self.size else None

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for a folder that is missing, empty or inconsistent; `take` does so for a damaged image."""
        check_channels(inputs)
        check_size(self.size, inputs)
        base = find_folder(self.path, self.root, "imagefolder")
        parts = split_folders(base)
        classes = self._classes(base, parts[0])
        listed = [_list_classes(base, part, classes) for part in parts]
        files = sum((files for files, _ in listed), Files((), ()))
        labels = np.concatenate([labels for _, labels in listed])
        cut, note = self._cut([files for files, _ in listed], base)
        train, validation, test = (FolderSplit(base, files.names, labels, rows, inputs) for rows in cut)
        digest = fingerprint(*classes.names, *files.described(), labels, *cut)
        return Splits(classes.names, train, validation, test, digest, f"{note} {files.note}".strip())

    def _classes(self, base: Path, first: str) -> Classes:
        there = base.resolve()  # "." has no name
        beside = there.parent / f"{there.name}-synsets.txt"
        if self.synsets:
            return read_synsets(Path(self.synsets).expanduser())
        return read_synsets(beside) if beside.is_file() else from_folders(sub_folders(base / first), base / first)

    def _cut(self, parts: list[Files], base: Path) -> tuple[Cut, str]:
        """Rows of each split, counted through all parts, and the line that says how they were cut."""
        if len(parts) == 3:
            return _given(parts), "The folder's own train, validation and test splits."
        if len(parts) == 2:
            return self._cut_train(parts, base)
        return self._cut_single(parts[0], base)

    def _cut_train(self, parts: list[Files], base: Path) -> tuple[Cut, str]:
        total = len(parts[0].names)
        wanted = self.validation or max(1, total // 10)
        _check_count("validation", wanted, total, base)
        order, test = by_hash(parts[0].names), np.arange(total, total + len(parts[1].names))
        name = parts[1].names[0].partition("/")[0]
        note = f"Test is {name}/; validation is the {wanted:,} images of train/ of smallest sha256 of the file name."
        return (np.sort(order[wanted:]), np.sort(order[:wanted]), test), note

    def _cut_single(self, files: Files, base: Path) -> tuple[Cut, str]:
        total = len(files.names)
        pool = min(self.pool, total // 2)
        _check_count("test", total - pool, total, base)
        order = by_hash(files.names)
        note = f"A single split, cut by the sha256 of the file name: {total - pool:,} images are test, and {pool:,} "
        if not self.validation:
            rows = np.sort(order[:pool])
            return (rows, rows, np.sort(order[pool:])), note + "serve calibration and validation alike."
        _check_count("validation", self.validation, pool, base)
        kept = pool - self.validation
        cut = np.sort(order[:kept]), np.sort(order[kept:pool]), np.sort(order[pool:])
        return cut, note + f"divide into {kept:,} for training and calibration and {self.validation:,} for validation."


def split_folders(base: Path) -> tuple[str, ...]:
    """The sub-folders that are splits, train first and test last; ("",) for a folder that is itself the one split."""
    there = sub_folders(base)
    held = [name for name in (*VALIDATION_NAMES, "test") if name in there]
    if "train" not in there or not held:
        return ("",)
    if len(held) > 2 or held == list(VALIDATION_NAMES):
        raise BadData(f"{base} has both {held[0]!r} and {held[1]!r}. Expected one validation folder: rename one.")
    return ("train", *held)


def by_hash(names: tuple[str, ...]) -> Array:
    """Row numbers in the order of the sha256 of each file name without its folders; ties by the whole path."""

    def key(row: int) -> tuple[bytes, str]:
        return hashlib.sha256(names[row].rpartition("/")[2].encode(errors="surrogateescape")).digest(), names[row]

    return np.array(sorted(range(len(names)), key=key), np.int64)


def _given(parts: list[Files]) -> Cut:
    ends = np.cumsum([0, *(len(part.names) for part in parts)])
    train, validation, test = (np.arange(start, stop) for start, stop in pairwise(ends))
    return train, validation, test


def _list_classes(base: Path, part: str, classes: Classes) -> tuple[Files, Array]:
    """The files of every class folder of a split, paths relative to `base`, and their labels."""
    files: list[Files] = []
    labels: list[Array] = []
    folders = sub_folders(base / part)
    if not folders:
        raise BadData(
            f"{base / part} has no sub-folder. Expected one a class; for images without labels type images:{base}."
        )
    for folder in folders:
        label = classes.label(folder, base / part)
        found = list_images(base, f"{part}/{folder}" if part else folder)
        if not found.names:
            raise BadData(
                f"{base / part / folder} has no image. Expected some in every class: fill or delete the folder."
            )
        files.append(found)
        labels.append(np.full(len(found.names), label, np.int64))
    return sum(files, Files((), ())), np.concatenate(labels)


def _check_count(split: str, wanted: int, total: int, base: Path) -> None:
    if not 0 < wanted < total:
        raise BadData(
            f"{wanted} of {total} images in {base} would be the {split} split. Expected at least one on either side:"
            " add images, or set validation= to fewer."
        )
