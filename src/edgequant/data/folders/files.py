"""A folder of image files that a user named, and a split that decodes them when they are asked for."""

from __future__ import annotations

import difflib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from ...core.arrays import Array
from ...core.errors import BadData
from ...core.image import InputSpec
from ..dataset import AbstractSplit
from ..decode import decode
from ..download import data_root
from .tree import SUFFIXES, walk

THREADS = 4  # Pillow decodes outside the interpreter's lock; more than this gains nothing on small machines
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")


@final
@dataclass(frozen=True)
class FolderSplit(AbstractSplit):
    """Some rows of a list of image files and of their labels `(M,)`. No pixel is kept between two calls of `take`."""

    base: Path
    names: tuple[str, ...]
    source_labels: Array | None
    rows: Array
    inputs: InputSpec

    @property
    def labels(self) -> Array | None:
        return None if self.source_labels is None else self.source_labels[self.rows]

    @property
    def indices(self) -> Array:
        return self.rows

    def take(self, positions: Array) -> Array:
        """(n, H, W, C) uint8. Raises BadData naming the first file that cannot be decoded."""
        paths = [self.base / self.names[row] for row in self.rows[positions]]
        images = np.empty((len(paths), self.inputs.height, self.inputs.width, self.inputs.channels), np.uint8)
        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
            for i, pixels in enumerate(pool.map(decode, paths, [self.inputs] * len(paths))):
                images[i] = pixels
        return images


def check_size(size: int, inputs: InputSpec) -> None:
    """Raises BadData where the option `size` and the network disagree; 0 asks for nothing."""
    if size and (inputs.height, inputs.width) != (size, size):
        raise BadData(
            f"The images were asked for at size={size} and the network takes {inputs.height}x{inputs.width}."
            f" Leave out size={size}."
        )


def find_folder(path: str, root: str, noun: str) -> Path:
    """The folder `path`: as it is written, else inside the data root; with `root`, inside that only. Raises BadData."""
    if not path:
        raise BadData(f"The data set {noun} needs a folder. Type {noun}:FOLDER.")
    places = locations(path, root)
    for place in places:
        if place.is_dir():
            return place
    for place in places:
        if place.exists():
            raise BadData(f"{place} is {_what(place)}, and a folder was expected. {_advice(place, noun)}")
    looked = " and ".join(str(place.absolute()) for place in dict.fromkeys(places))
    raise BadData(
        f"The folder {path!r} does not exist (looked at {looked}).{_near(places)}"
        f" Type {noun}:FOLDER with one that does."
    )


def locations(path: str, root: str) -> list[Path]:
    """Where a path that a user wrote is looked for, in order. Raises BadData where the data root is not there."""
    places = [Path(path).expanduser()] if not root else []
    return [*places, data_root(root) / path]


def find_images(folder: Path) -> list[Path]:
    """The images in the folder and below it, by path; hidden ones do not count. Raises BadData where there is none."""
    found = walk(folder).images
    if not found:
        raise BadData(f"{folder} has no image, nor has any folder in it. Expected {', '.join(SUFFIXES)} files.")
    return [folder / name for name in found]


def _what(place: Path) -> str:
    suffix = place.suffix.lower()
    if suffix in ARCHIVES:
        return "an archive"
    return "one image" if suffix in SUFFIXES else "a file"


def _advice(place: Path, noun: str) -> str:
    suffix = place.suffix.lower()
    if suffix in ARCHIVES:
        return f"Unpack it, and type {noun}:FOLDER."
    if suffix in SUFFIXES:
        return f"Type {noun}:{place.parent} for the folder that it lies in."
    if suffix in (".npz", ".npy"):
        return "For arrays type arrays:FILE.npz."
    return f"Type {noun}:FOLDER; images with labels in a list are imagefolder:LIST.csv."


def _near(places: list[Path]) -> str:
    """The folder that may have been meant."""
    for place in places:
        if place.parent.is_dir():
            there = [one.name for one in place.parent.iterdir() if one.is_dir()]
            close = difflib.get_close_matches(place.name, there, n=1)
            if close:
                return f" Did you mean {str(place.parent / close[0])!r}?"
    return ""
