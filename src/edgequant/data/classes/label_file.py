"""Labels of images in one folder, from a file beside them: `labels.csv` with a name and a label a line."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...core.errors import BadData, cause
from ..folders.tree import Tree, shown
from .synsets import Classes

NAMES = ("labels.csv", "labels.tsv", "labels.txt")
SEPARATORS = {".csv": ",;", ".tsv": "\t", ".txt": ",\t "}  # the first that a line has; spreadsheets write ; as well
WANTED = "Expected 'FILE,LABEL' on each line, with a header or without"
Rows = list[tuple[int, str, str]]  # line number, image, label


@dataclass(frozen=True)
class Listed:
    """The images that a label file names, the label of each, and the classes."""

    images: tuple[str, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    note: str


def find_label_file(tree: Tree) -> Path | None:
    """`labels.csv`, `.tsv` or `.txt` in the folder itself, in any capitals. Raises BadData where there are several."""
    found = sorted(entry for entry in tree.base.iterdir() if entry.name.lower() in NAMES and entry.is_file())
    if len(found) > 1:
        raise BadData(
            f"{tree.base} has {found[0].name} and {found[1].name}. Expected one: type imagefolder:{found[0]}"
            " to name the one that counts."
        )
    return found[0] if found else None


def read_labels(path: Path, tree: Tree, known: Classes | None) -> Listed:
    """The labels in `path` of the images in `tree`: class names, or whole numbers from 0.

    Names are numbered in sorted order, or as `known` says. Raises BadData naming the line where one makes no sense.
    """
    rows, places = _rows(path), _places(tree)
    if rows and rows[0][1] not in places:  # a header names no image
        rows = rows[1:]
    if not rows:
        raise BadData(f"{path} has no line with an image of {tree.base}. {WANTED}.")
    _check_rows(path, rows, places, tree)
    numbers = _numbers(path, [label for _, _, label in rows]) if known is None else None
    names, to_label = _classes(path, rows, known, numbers)
    found = sorted((places[image], to_label[label]) for _, image, label in rows)
    return Listed(tuple(p for p, _ in found), tuple(k for _, k in found), names, f"Labels are those of {path.name}.")


def _rows(path: Path) -> Rows:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"The label file {path} cannot be read: {cause(error)}. {WANTED}, as UTF-8 text.") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [(number, *_parted(path, number, line)) for number, line in lines]


def _parted(path: Path, number: int, line: str) -> tuple[str, str]:
    """In a .txt the label stands behind a comma, a tab, or the last white space."""
    known = SEPARATORS.get(path.suffix.lower(), SEPARATORS[".txt"])
    separator = next((one for one in known if one in line), known[-1])
    cells = line.rsplit(None, 1) if separator == " " else next(csv.reader([line], delimiter=separator), [])
    if len(cells) != 2 or not all(cell.strip() for cell in cells):
        raise BadData(f"Line {number} of {path} is {line.strip()[:60]!r}. {WANTED}, and nothing else.")
    return cells[0].strip().replace("\\", "/").removeprefix("./"), cells[1].strip()


def _places(tree: Tree) -> dict[str, str]:
    """What a line may call an image: its path below the folder; its name, or that without suffix, where it is one's."""
    places = {path: path for path in tree.images}
    for called in (
        [PurePosixPath(path).name for path in tree.images],
        [PurePosixPath(path).stem for path in tree.images],
    ):
        counts = Counter(called)
        for name, path in zip(called, tree.images):
            if counts[name] == 1:
                places.setdefault(name, path)
    return places


def _check_rows(path: Path, rows: Rows, places: dict[str, str], tree: Tree) -> None:
    strange = [(number, image) for number, image, _ in rows if image not in places]
    if strange:
        number, image = strange[0]
        raise BadData(
            f"{path} names {len(strange):,} {'image' if len(strange) == 1 else 'images'} that {tree.base} has not, the"
            f" first in line {number}: {image[:80]!r}. Expected paths below that folder."
        )
    twice = [name for name, count in Counter(places[image] for _, image, _ in rows).items() if count > 1]
    if twice:
        raise BadData(f"{path} names the image {shown(twice[0])!r} twice. Expected each once.")


def _numbers(path: Path, labels: list[str]) -> list[int] | None:
    """Labels as class numbers where all are whole numbers. Raises BadData where these do not start at 0."""
    if not all(label.lstrip("-").isascii() and label.lstrip("-").isdigit() for label in labels):
        return None
    numbers = [int(label) for label in labels]
    if min(numbers) < 0 or set(numbers) == set(range(1, max(numbers) + 1)):
        raise BadData(
            f"The labels in {path} go from {min(numbers)} to {max(numbers)}. Expected class numbers from 0: take"
            f" {min(numbers)} off each; or, where class 0 has no image here, list all classes in a file: synsets=FILE."
        )
    return numbers


def _classes(
    path: Path, rows: Rows, known: Classes | None, numbers: list[int] | None
) -> tuple[tuple[str, ...], dict[str, int]]:
    """The names of the classes, and the number of each label as it is written."""
    written = [label for _, _, label in rows]
    if known is not None:
        by_name = {name: known.labels[name] for name in dict.fromkeys(written) if name in known.labels}
        strange = next(((number, label) for number, _, label in rows if label not in by_name), None)
        if strange is None:
            return known.names, by_name
        if all(label.isdigit() and int(label) < len(known.names) for label in written):
            return known.names, {label: int(label) for label in written}
        raise BadData(
            f"Line {strange[0]} of {path} has the label {strange[1]!r}, which is no class of {known.source}."
            " Expected one of its lines, or the number of one, from 0."
        )
    if numbers is not None:
        return tuple(map(str, range(max(numbers) + 1))), dict(zip(written, numbers))
    names = sorted(set(written))
    return tuple(names), {name: k for k, name in enumerate(names)}
