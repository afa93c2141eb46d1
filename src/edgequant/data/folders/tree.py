"""What lies in a folder and below it: the images, the folders, and what is no image, each with the reason.

Image files are found as torchvision's `make_dataset` finds them: at any depth, links followed, in the order of folder
and name. What it would take and nobody means (files of hidden folders, empty files) is left out and told.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ...core.errors import BadData, cause

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
# what archivers and file servers leave behind: copies and thumbnails, none of them the user's images
OFFAL = ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__")
NO_SUFFIX, EMPTY, HIDDEN = "without an image's suffix", "of no bytes", "hidden, or left by an archiver"
BROKEN, LOOP, SPECIAL = "linked to nothing", "linked to a folder above", "of a special kind"
BESIDE, NO_SPLIT, UNLABELLED = "beside the class folders", "in folders that are no split", "without a label"
NAMED = 3  # of the files left out for one reason, so many are named


@dataclass(frozen=True)
class LeftOut:
    """Files that are not read: (reason, path below the folder) of each."""

    files: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: LeftOut) -> LeftOut:
        return LeftOut(self.files + other.files)

    @property
    def note(self) -> str:
        """A sentence for the report: how many of each reason, and the first names; empty where there is none."""
        said = [self._said(reason) for reason in dict.fromkeys(reason for reason, _ in self.files)]
        return f"Left out: {'; '.join(said)}." if said else ""

    def _said(self, reason: str) -> str:
        paths = sorted(path for why, path in self.files if why == reason)
        if reason == NO_SUFFIX:
            found = sorted({PurePosixPath(path).suffix.lower() or "none" for path in paths})
            names = ", ".join(found[:NAMED]) + " …" * (len(found) > NAMED)
        else:
            names = ", ".join(map(shown, paths[:NAMED])) + " …" * (len(paths) > NAMED)
        return f"{len(paths):,} {'file' if len(paths) == 1 else 'files'} {reason} ({names})"


@dataclass(frozen=True)
class Tree:
    """Paths below `base`, with `/` between the parts: images, visible folders, and what is left out."""

    base: Path
    images: tuple[str, ...]
    folders: tuple[str, ...]
    left_out: LeftOut = field(default_factory=LeftOut)


def walk(base: Path) -> Tree:
    """Everything in `base` and below. Raises BadData for a visible folder that cannot be read."""
    images: list[str] = []
    folders: list[str] = []
    left: list[tuple[str, str]] = []
    todo: list[tuple[str, tuple[tuple[int, int], ...]]] = [("", (_identity(base),))]
    while todo:
        below, above = todo.pop()
        for entry in _entries(base / below):
            path = f"{below}/{entry.name}" if below else entry.name
            if hidden(entry.name):
                left += [(HIDDEN, one) for one in _images_below(entry, path)]
            elif not _is_folder(entry):
                reason = _reason(entry)
                images.append(path) if not reason else left.append((reason, path))
            elif entry.is_symlink() and _identity(Path(entry.path)) in above:
                left.append((LOOP, path))
            else:
                folders.append(path)
                todo.append((path, (*above, _identity(Path(entry.path)))))
    return Tree(base, tuple(sorted(images, key=in_order)), tuple(sorted(folders)), LeftOut(tuple(sorted(left))))


def hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX")) or name in OFFAL


def in_order(path: str) -> tuple[str, str]:
    """By folder, then by name: as torchvision lists them."""
    folder, _, name = path.rpartition("/")
    return folder, name


def shown(path: str) -> str:
    """A file's name as text that can be written: bytes that are no UTF-8 are replaced."""
    return path.encode(errors="surrogateescape").decode(errors="replace")


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A link that leads to itself is none: the system refuses to say."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _reason(entry: os.DirEntry[str]) -> str:
    """Why a visible file is no image; empty where it is one."""
    if not entry.name.lower().endswith(SUFFIXES):
        return NO_SUFFIX
    try:
        size = entry.stat().st_size if entry.is_file() else None
    except OSError:
        return BROKEN
    if size is None:
        return SPECIAL if Path(entry.path).exists() else BROKEN
    return "" if size else EMPTY


def _images_below(entry: os.DirEntry[str], path: str) -> Iterator[str]:
    """The images of something hidden; what cannot be read there is nobody's loss."""
    if not entry.is_dir(follow_symlinks=False):
        if entry.name.lower().endswith(SUFFIXES):
            yield path
        return
    for folder, _, names in os.walk(entry.path):
        inner = os.path.relpath(folder, entry.path).replace(os.sep, "/")
        for name in names:
            if name.lower().endswith(SUFFIXES):
                yield "/".join([path, *((inner,) if inner != "." else ()), name])


def _identity(folder: Path) -> tuple[int, int]:
    try:
        found = folder.stat()
    except OSError as error:
        raise _unreadable(folder, error) from error
    return found.st_dev, found.st_ino


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: OSError) -> BadData:
    return BadData(f"{folder} cannot be read: {cause(error)}. Expected a folder that you may list: chmod u+rx FOLDER.")
