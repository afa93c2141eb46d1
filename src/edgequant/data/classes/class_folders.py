"""The images of class folders and their labels, split by split; and what is worth knowing about the classes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import BadData
from ..folders.layout import Layout, Part, folders_in, images_below
from ..folders.tree import LeftOut, Tree, shown
from .synsets import Classes, from_folders

NAMED = 3  # of several classes, so many are named


@dataclass(frozen=True)
class Labelled:
    """The images of each part, in the order of class folder and path, and their labels; what was left out; notes."""

    images: tuple[tuple[str, ...], ...]
    labels: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    left_out: LeftOut
    notes: tuple[str, ...]


def read_classes(tree: Tree, layout: Layout, known: Classes | None) -> Labelled:
    """The first sub-folder of a split is the class, as torchvision has it; images lie in it at any depth.

    The first split says which classes there are, unless `known` does. Raises BadData where a folder has no place
    among them, and where it is not certain which label a class has.
    """
    grouped = [_by_class(tree, part) for part in layout.parts]
    first = grouped[0]
    if known is None:
        _check_some(tree, layout.parts[0], first)
        classes = from_folders(list(first), tree.base / layout.parts[0].folder)
    else:
        classes = known
    images: list[tuple[str, ...]] = []
    labels: list[tuple[int, ...]] = []
    for part, classes_here in zip(layout.parts, grouped):
        used = {name: paths for name, paths in classes_here.items() if paths or name in classes.labels}
        of_each = {name: _label(name, classes, tree.base, part, layout.parts[0]) for name in used}
        images.append(tuple(path for paths in used.values() for path in paths))
        labels.append(tuple(of_each[name] for name, paths in used.items() for _ in paths))
    for part, found in zip(layout.parts, images):
        if not found:
            raise BadData(f"{tree.base / part.folder} has no image in a class folder. Expected some in each split.")
    notes = [layout.note, "" if known else _numbered(classes.names), *_missing(layout, labels, classes)]
    return Labelled(
        tuple(images), tuple(labels), tuple(map(shown, classes.names)), layout.left_out, tuple(filter(None, notes))
    )


def _by_class(tree: Tree, part: Part) -> Mapping[str, list[str]]:
    """The images below each sub-folder of a split; an empty list for one without any."""
    found: dict[str, list[str]] = {name: [] for name in folders_in(tree, part.folder)}
    start = len(part.folder) + bool(part.folder)
    for path in images_below(tree, part.folder):
        name, deeper, _ = path[start:].partition("/")
        if deeper:
            found[name].append(path)
    return found


def _check_some(tree: Tree, part: Part, found: Mapping[str, list[str]]) -> None:
    """Raises BadData where the folders do not say what the classes are."""
    where = tree.base / part.folder
    full = [name for name, paths in found.items() if paths]
    empty = [name for name, paths in found.items() if not paths]
    left = f" {tree.left_out.note}".rstrip()
    if not full:
        raise BadData(
            f"{where} has no sub-folder with an image. Expected one a class, or a file labels.csv in it;"
            f" for images without labels type images:{where}.{left}"
        )
    if len(full) == 1:
        _refuse_one(tree, where, full[0], found[full[0]])
    if empty:
        several = "a folder" if len(empty) == 1 else f"{len(empty)} folders"
        raise BadData(
            f"{where} has {several} ({_list(empty)}) without an image beside the class folders. Whether that is a"
            f" class decides the labels of the others: list the classes in a text file, one a line, and add"
            f" synsets=FILE.{left}"
        )


def _refuse_one(tree: Tree, where: Path, name: str, images: list[str]) -> None:
    """A single class folder; or a folder around the classes, beside others."""
    inside, own = str(where / name), len(str((where / name).relative_to(tree.base)).split("/"))
    deeper = all(path.count("/") > own for path in images)
    raise BadData(
        f"{where} has a single class folder, {shown(name)!r}. Expected one a class, two at least: type"
        + (f" imagefolder:{inside} where its sub-folders are the classes," if deeper else "")
        + f" images:{inside} for images without labels, or list all classes in a text file, one a line, and add"
        " synsets=FILE."
    )


def _label(name: str, classes: Classes, base: Path, part: Part, first: Part) -> int:
    if name in classes.labels:
        return classes.labels[name]
    close = difflib.get_close_matches(name.lower(), [known.lower() for known in classes.labels], n=1)
    meant = next((f" Did you mean {known!r}?" for known in classes.labels if [known.lower()] == close), "")
    alone = "" if part is first else f" type imagefolder:{base / first.folder} to read that split alone;"
    raise BadData(
        f"{base / part.folder} has a folder {shown(name)!r} that is no class of {classes.source}.{meant} Expected one"
        f" of its {len(classes.names):,}: name the folder so;{alone} or list all classes in a text file, one a line,"
        " and add synsets=FILE."
    )


def _numbered(names: tuple[str, ...]) -> str:
    """Where names are numbers: text order is torchvision's and Keras', and seldom what their owner thinks it is."""
    if not all(name.isascii() and name.isdigit() for name in names) or list(names) == sorted(names, key=int):
        return ""
    order = ", ".join(f"{name} is class {k}" for k, name in enumerate(names) if int(name) != k)
    return (
        "Class folders are numbered in the order of their names as text, as torchvision and Keras number them"
        f" ({', '.join(order.split(', ')[:NAMED])} …). A network that was trained with another order answers at chance:"
        " list the folders in a text file, one a line in the network's order, and add synsets=FILE."
    )


def _missing(layout: Layout, labels: list[tuple[int, ...]], classes: Classes) -> list[str]:
    """A line for each split that lacks classes of the first; of a list of classes, one may have few."""
    there = [set(found) for found in labels]
    lines = []
    for part, has in zip(layout.parts[1:], there[1:]):
        lacking = sorted(there[0] - has)
        if lacking:
            lines.append(
                f"{part.shown} has no image of {len(lacking):,} of {len(there[0]):,} classes"
                f" ({_list([classes.names[k] for k in lacking])})."
            )
    return lines


def _list(names: list[str]) -> str:
    return ", ".join(map(shown, names[:NAMED])) + " …" * (len(names) > NAMED)
