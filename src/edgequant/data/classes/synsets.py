"""Which label a class folder has: by its place in the sorted list, or by its line in a synsets file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import BadData, cause


@dataclass(frozen=True)
class Classes:
    """The names of the classes, and the label of each folder name."""

    names: tuple[str, ...]
    labels: Mapping[str, int]
    source: str  # what decides, for the message

    def label(self, folder: str, parent: Path) -> int:
        """Raises BadData for a folder that is none of the classes."""
        if folder not in self.labels:
            raise BadData(
                f"{parent} has a folder {folder!r} that is no class of {self.source}."
                " Rename it, take it out, or add the class."
            )
        return self.labels[folder]


def from_folders(folders: list[str], parent: Path) -> Classes:
    """Label k is the k-th folder in sorted order."""
    return Classes(tuple(folders), {name: k for k, name in enumerate(folders)}, str(parent))


def read_synsets(path: Path) -> Classes:
    """Line k is class k: a folder's name, alone or followed by words that describe it (`n01440764 tench`).

    Raises BadData where the file cannot be read, is empty, or names a folder twice.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(
            f"The synsets file {path} cannot be read: {cause(error)}. Type synsets=FILE with a text file."
        ) from error
    while lines and not lines[-1]:
        lines.pop()
    labels = _labels(lines)
    if not lines or "" in lines or len(labels) < len(lines):
        raise BadData(
            f"The synsets file {path} is empty, has an empty line or names a folder twice. Expected one class a line."
        )
    described = (line.partition(" ")[2].strip() or line for line in lines)
    return Classes(tuple(described), {**{line: k for k, line in enumerate(lines)}, **labels}, str(path))


def _labels(lines: list[str]) -> dict[str, int]:
    return {line.partition(" ")[0]: k for k, line in enumerate(lines)}
