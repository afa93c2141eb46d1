"""Which data set reads what lies at a path."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import BadData
from ..classes.label_file import find_label_file
from ..folders.files import find_folder, locations
from ..folders.tree import walk

ARRAYS, LISTS = (".npz",), (".csv", ".tsv", ".txt")


def lies_at(path: str) -> Path | None:
    """Where something of this path is: here, or in the data root; None where it is nowhere."""
    return next((place for place in locations(path, "") if path and place.exists()), None)


def kind(place: Path, path: str) -> tuple[str, str]:
    """The name of the data set that reads what lies at `place`, and what makes it so. Raises BadData."""
    if place.is_file() and place.suffix.lower() in ARRAYS:
        return "arrays", "is a file of arrays"
    if place.is_file() and place.suffix.lower() in LISTS:
        return "imagefolder", "is a list of images and labels"
    folder = find_folder(path, "", "imagefolder")  # says what else a file may be
    tree = walk(folder)
    if not tree.images:
        raise BadData(f"{folder} has no image, nor has any folder in it. Expected some. {tree.left_out.note}".strip())
    holders = {name.rpartition("/")[0] for name in tree.images}
    if len(holders) == 1 and find_label_file(tree) is not None:
        return "imagefolder", "has images and a list of their labels"
    if len(holders - {""}) < 2:
        return "images", "has images without class folders or a list of labels"
    return "imagefolder", "has images in sub-folders"
