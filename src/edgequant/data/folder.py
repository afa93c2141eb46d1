"""Image files in a folder: what lies there, and a split that decodes them when they are asked for."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from ..core.errors import BadData
from ..core.interfaces import AbstractSplit, Array
from ..core.records import InputSpec
from .decode import decode
from .download import data_root

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
THREADS = 4  # Pillow decodes outside the interpreter's lock; more than this gains nothing on small machines


@dataclass(frozen=True)
class Files:
    """The images of a folder: paths relative to it, sizes in bytes, and how many other files were left out."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    ignored: int = 0

    def __add__(self, other: Files) -> Files:
        return Files(self.names + other.names, self.sizes + other.sizes, self.ignored + other.ignored)

    def described(self) -> tuple[str, ...]:
        """Name and size of each, for a fingerprint."""
        return tuple(f"{name} {size}" for name, size in zip(self.names, self.sizes))

    @property
    def note(self) -> str:
        """A line for the report where files were left out; else empty."""
        return f"Files left out because they have no image's suffix: {self.ignored}." if self.ignored else ""


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
    places = [Path(path).expanduser()] if not root else []
    places.append(data_root(root) / path)
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(str(place.absolute()) for place in dict.fromkeys(places))
    raise BadData(f"The folder {path!r} does not exist (looked at {looked}). Type {noun}:FOLDER with one that does.")


def sub_folders(folder: Path) -> list[str]:
    """Names, sorted, without hidden ones and those that archivers leave behind."""
    return sorted(e.name for e in _entries(folder) if e.is_dir() and not e.name.startswith((".", "__MACOSX")))


def list_images(base: Path, below: str = "") -> Files:
    """The images that lie directly in `base/below`, by their suffix; hidden files do not count."""
    files = [e for e in _entries(base / below) if not e.is_dir() and not e.name.startswith(".")]
    images = sorted((e for e in files if e.is_file() and e.name.lower().endswith(SUFFIXES)), key=lambda e: e.name)
    names = tuple(f"{below}/{e.name}" if below else e.name for e in images)
    return Files(names, tuple(e.stat().st_size for e in images), len(files) - len(images))


def find_images(folder: Path) -> list[Path]:
    """The images in the folder and below it, by path; hidden ones do not count. Raises BadData where there is none."""
    found = _below(folder)
    if not found:
        raise BadData(f"{folder} has no image, nor has any folder in it. Expected {', '.join(SUFFIXES)} files.")
    return found


def _below(folder: Path) -> list[Path]:
    here = [folder / name for name in list_images(folder).names]
    return here + [path for name in sub_folders(folder) for path in _below(folder / name)]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise BadData(f"{folder} cannot be read: {error.strerror}. Name a folder that can.") from error
