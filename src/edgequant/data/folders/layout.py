"""Which folders of a tree are splits, and which are classes: read off the paths alone.

What a folder is called says that it may be a split (`train`, `Training`, `val`, `test_set` …); what it holds decides:
a split has class folders in it, a class has images.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ...core.errors import BadData
from .tree import BESIDE, NO_SPLIT, UNLABELLED, LeftOut, Tree, shown

ROLES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "validate": "validation",
    "eval": "validation",
    "test": "test",
    "testing": "test",
}
NO_CLASSES = ("images", "imgs", "jpegimages", "annotations", "labels", "masks", "meta")  # what other data sets hold
ORDER = ("train", "validation", "test")


@dataclass(frozen=True)
class Part:
    """A split: `folder` holds its class folders; "" is the whole tree. `role`: "train", "validation", "test" or ""."""

    folder: str
    role: str = ""

    @property
    def shown(self) -> str:
        return f"{shown(self.folder)}/"


@dataclass(frozen=True)
class Layout:
    """The splits in the order train, validation, test, or the one split; what lies elsewhere; and what was passed."""

    parts: tuple[Part, ...]
    left_out: LeftOut
    note: str = ""


def role(name: str) -> str:
    """What split a folder of this name may be: `Training_Set` and `seg_train` are "train"; "" for any other."""
    found = {_called(word) for word in re.findall(r"[a-z]+", name.lower())} - {""}
    return found.pop() if len(found) == 1 else ""


def _called(word: str) -> str:
    return ROLES.get(word, "") or ROLES.get(word.removesuffix("set"), "")


def read_layout(tree: Tree, classes: Collection[str] = ()) -> Layout:
    """The splits of `tree`. `classes`: folder names that are known to be classes, whatever they are called.

    Raises BadData where a folder could be a split as well as a class, or two are the same split.
    """
    top = unwrapped(tree, "")
    inside = _children(tree, top)
    named = {name: role(name) for name in inside if role(name) and name not in classes}
    splits = [name for name in named if _children(tree, _join(top, name))]
    if not splits:
        _check_flat_splits(tree, top, [name for name in inside if name not in classes], named)
        part = Part(top, next(filter(None, map(role, top.split("/"))), ""))
        return Layout((part,), _elsewhere(tree, [part]), _passed(top))
    others = [name for name in inside if name not in named]
    if len(splits) == 1 and others:
        _ambiguous(tree, top, splits[0], others)
    _check_once(tree, top, {name: named[name] for name in splits})
    found = sorted((Part(unwrapped(tree, _join(top, name)), named[name]) for name in splits), key=_place)
    flat = [_join(top, name) for name in named if name not in splits]
    return Layout(tuple(found), _elsewhere(tree, found, flat), _passed(top))


def unwrapped(tree: Tree, folder: str) -> str:
    """`folder`, or the one folder in it that holds all there is, as archives have it: `photos/photos/cat/1.jpg`.

    A folder with images of its own is a class and no wrapper, and so is one beside another.
    """
    inside = folders_in(tree, folder)
    if len(inside) != 1 or _images_in(tree, folder) or _images_in(tree, _join(folder, inside[0])):
        return folder
    below = _join(folder, inside[0])
    return unwrapped(tree, below) if _children(tree, below) else folder


def folders_in(tree: Tree, folder: str) -> list[str]:
    """Names of the visible folders directly in `folder`, sorted."""
    start = f"{folder}/" if folder else ""
    return sorted(f[len(start) :] for f in tree.folders if f.startswith(start) and "/" not in f[len(start) :])


def images_below(tree: Tree, folder: str) -> list[str]:
    start = f"{folder}/" if folder else ""
    return [path for path in tree.images if path.startswith(start)]


def _children(tree: Tree, folder: str) -> list[str]:
    """Names of the folders directly in `folder` that have an image at any depth, sorted."""
    start = len(f"{folder}/") if folder else 0
    rest = (path[start:] for path in images_below(tree, folder))
    return sorted({path.partition("/")[0] for path in rest if "/" in path})


def _images_in(tree: Tree, folder: str) -> list[str]:
    return [path for path in images_below(tree, folder) if path.rpartition("/")[0] == folder]


def _elsewhere(tree: Tree, parts: list[Part], flat: Collection[str] = ()) -> LeftOut:
    """The images that are in no class folder of any part. `flat`: split folders without classes."""

    def reason(path: str) -> str:
        if any(path.startswith(f"{folder}/") for folder in flat):
            return UNLABELLED
        holder = next((p for p in parts if not p.folder or path.startswith(f"{p.folder}/")), None)
        if holder is None:
            return NO_SPLIT if "/" in path else BESIDE
        return "" if "/" in path[len(holder.folder) + bool(holder.folder) :] else BESIDE

    told = ((reason(path), path) for path in tree.images)
    return LeftOut(tuple((why, path) for why, path in told if why))


def _place(part: Part) -> int:
    return ORDER.index(part.role)


def _passed(top: str) -> str:
    return f"All images lie in {shown(top)}/, which is read as the folder itself." if top else ""


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _ambiguous(tree: Tree, top: str, split: str, others: list[str]) -> None:
    where, one = tree.base / top, shown(split)
    raise BadData(
        f"{where} has {one}/, which is called and laid out like a split, beside {shown(others[0])}/, which is not."
        f" Type imagefolder:{where / split} to read that split alone; or, where {one} is a class, list the class"
        " folders in a text file, one a line, and add synsets=FILE."
    )


def _check_once(tree: Tree, top: str, named: dict[str, str]) -> None:
    for one in dict.fromkeys(named.values()):
        same = [shown(name) for name in named if named[name] == one]
        if len(same) > 1:
            where = tree.base / top
            raise BadData(
                f"{where} has both {same[0]!r} and {same[1]!r}, and either may be the {one} split. Expected one:"
                f" type imagefolder:{where / same[0]} to read that alone, or move the other out of the folder."
            )


def _check_flat_splits(tree: Tree, top: str, inside: list[str], named: dict[str, str]) -> None:
    """Folders of splits, or of images and masks, are no classes `train` and `test`.

    Two names that mean one split may well be classes: `steam_train` and `bullet_train`.
    """
    splits = len(named) == len(inside) and (len(set(named.values())) > 1 or all(map(_called, map(str.lower, named))))
    others = len(inside) > 1 and all(name.lower() in NO_CLASSES for name in inside)
    if inside and (splits or others):
        where, names = tree.base / top, " and ".join(f"{shown(name)}/" for name in inside)
        first = next((name for name in inside if role(name) == "train" or name.lower().startswith("im")), inside[0])
        raise BadData(
            f"{where} has {names}, which are no classes by their names, so nothing says what the images show. Expected"
            f" one folder a class, or a file labels.csv: for images without labels type images:{where / first}; where"
            " these are classes, list them in a text file, one a line, and add synsets=FILE."
        )
