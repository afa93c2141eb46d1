"""A folder of labelled images: one sub-folder a class, or a list of labels; with or without splits of its own.

`layout` says which folders are splits, `class_folders` which are classes, `label_file` reads a list. How it is cut
- train, validation and test: as they are.
- train beside one of them: that one is the test split, and validation is cut from train.
- validation beside test: validation calibrates too.
- Anything else is a single split. The `pool` images of smallest hash calibrate, train and validate; all others are
  test. The pool is 300, and at most half of the folder.
A cut goes by the sha256 of the file name without its folders (ties: by path), so that it is the same on every
machine and stays when files are added elsewhere.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import final

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData, BadOption
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..decode import check_channels
from ..folders.content import content_digests
from ..folders.files import FolderSplit, check_size, find_folder, locations
from ..folders.layout import Part, read_layout
from ..folders.tree import UNLABELLED, LeftOut, Tree, in_order, walk
from ..splits import fingerprint
from .class_folders import Labelled, read_classes
from .label_file import find_label_file, read_labels
from .synsets import Classes, read_synsets

LISTS = (".csv", ".tsv", ".txt")
Cut = tuple[Array, Array, Array]  # rows of train, validation and test


@final
@dataclass(frozen=True)
class ImageFolder(AbstractDataset):
    """Labelled image files, decoded when they are asked for.

    `path`: the folder, or a .csv, .tsv or .txt in it with an image and its label a line. `size` and `channels` say
    what a network without an input size of its own is to take. `synsets` is a text file whose line k names class k
    (default: `<folder>-synsets.txt` beside the folder, if there; else the classes are the sorted folder names).
    `pool`: see the module. `validation`: images cut for validation alone; 0 means a tenth of train, and of a single
    split none, its whole pool then serving calibration and validation alike.
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
        base, listed = self._place()
        tree = walk(base)
        parts, found = self._read(tree, listed)
        names = tuple(name for images in found.images for name in images)
        labels = np.array([label for of_part in found.labels for label in of_part], np.int64)
        cut, note = self._cut(parts, [len(images) for images in found.images], names, base)
        train, validation, test = (FolderSplit(base, names, labels, rows, inputs) for rows in cut)
        digest = fingerprint(*found.classes, *names, *content_digests(base, names), labels, *cut)
        notes = (note, *found.notes, (found.left_out + tree.left_out).note)
        told = " ".join(filter(None, notes))
        held_out = parts[0].role == "train" and len(parts) < 3
        return Splits(found.classes, train, validation, test, digest, told, held_out)

    def _place(self) -> tuple[Path, Path | None]:
        """The folder, and the list of labels where that was named."""
        if self.path.lower().endswith(LISTS):
            for place in locations(self.path, self.root):
                if place.is_file():
                    return place.parent, place
        return find_folder(self.path, self.root, "imagefolder"), None

    def _read(self, tree: Tree, listed: Path | None) -> tuple[tuple[Part, ...], Labelled]:
        """By a list where one was named, or where one lies in a folder without class folders."""
        known = self._known(tree.base)
        flat = len({name.rpartition("/")[0] for name in tree.images}) <= 1
        if listed is None and flat:
            listed = find_label_file(tree)
        if listed is None:
            layout = read_layout(tree, known.labels if known else ())
            return layout.parts, read_classes(tree, layout, known)
        read = read_labels(listed, tree, known)
        order = sorted(zip(read.images, read.labels), key=lambda one: in_order(one[0]))
        images, labels = tuple(name for name, _ in order), tuple(label for _, label in order)
        others = LeftOut(tuple((UNLABELLED, name) for name in tree.images if name not in set(images)))
        return (Part(""),), Labelled((images,), (labels,), read.classes, others, (read.note,))

    def _known(self, base: Path) -> Classes | None:
        """The classes of a synsets file, where there is one."""
        if self.synsets:
            return read_synsets(Path(self.synsets).expanduser())
        whole = Path(os.path.normpath(base.absolute()))  # the name of `.` is that of the folder it stands for
        beside = whole.parent / f"{whole.name}-synsets.txt"
        return read_synsets(beside) if beside.is_file() else None

    def _cut(self, parts: tuple[Part, ...], counts: list[int], names: tuple[str, ...], base: Path) -> tuple[Cut, str]:
        """Rows of each split, counted through all parts, and the line that says how they were cut."""
        if len(parts) == 3:
            return _given(counts), "The folder's own train, validation and test splits."
        if len(parts) == 1:
            return self._cut_single(names, base, parts[0])
        if parts[0].role == "train":
            return self._cut_train(parts, counts, names, base)
        pool, test = np.arange(counts[0]), np.arange(counts[0], sum(counts))
        return (
            pool,
            pool,
            test,
        ), f"Test is {parts[1].shown}; {parts[0].shown} serves calibration and validation alike."

    def _cut_train(
        self, parts: tuple[Part, ...], counts: list[int], names: tuple[str, ...], base: Path
    ) -> tuple[Cut, str]:
        total = counts[0]
        wanted = self.validation or max(1, total // 10)
        _check_count("validation", wanted, total, base)
        order, test = by_hash(names[:total]), np.arange(total, sum(counts))
        note = (
            f"Test is {parts[1].shown}; validation is the {wanted:,} images of {parts[0].shown} of smallest sha256 of"
            " the file name."
        )
        return (np.sort(order[wanted:]), np.sort(order[:wanted]), test), note

    def _cut_single(self, names: tuple[str, ...], base: Path, part: Part) -> tuple[Cut, str]:
        total = len(names)
        pool = min(self.pool, total // 2)
        _check_count("test", total - pool, total, base)
        order = by_hash(names)
        note = _trained_on(part)
        note += f"A single split, cut by the sha256 of the file name: {total - pool:,} images are test, and {pool:,} "
        if not self.validation:
            rows = np.sort(order[:pool])
            return (rows, rows, np.sort(order[pool:])), note + "serve calibration and validation alike."
        _check_count("validation", self.validation, pool, base)
        kept = pool - self.validation
        cut = np.sort(order[:kept]), np.sort(order[kept:pool]), np.sort(order[pool:])
        return cut, note + f"divide into {kept:,} for training and calibration and {self.validation:,} for validation."


def by_hash(names: tuple[str, ...]) -> Array:
    """Row numbers in the order of the sha256 of each file name without its folders; ties by the whole path."""

    def key(row: int) -> tuple[bytes, str]:
        return hashlib.sha256(names[row].rpartition("/")[2].encode(errors="surrogateescape")).digest(), names[row]

    return np.array(sorted(range(len(names)), key=key), np.int64)


def _given(counts: list[int]) -> Cut:
    train, validation, test = (np.arange(start, stop) for start, stop in pairwise(np.cumsum([0, *counts])))
    return train, validation, test


def _trained_on(part: Part) -> str:
    """A test split cut from training images flatters the network: it has seen them."""
    if part.role != "train":
        return ""
    return (
        f"Only {part.shown} has labels: if the network was trained on these images, its accuracy on them is higher than"
        " on new ones. "
    )


def _check_count(split: str, wanted: int, total: int, base: Path) -> None:
    if not 0 < wanted < total:
        raise BadData(
            f"{wanted} of {total} images in {base} would be the {split} split. Expected at least one on either side:"
            " add images, or set validation= to fewer."
        )
