"""What `--data` names: a data set of the catalog with its options, or the mere path of a folder or a file.

A path is read as what lies there, and the data set's note says as what. A name of the catalog comes first: a folder
`digits` in the current folder is `imagefolder:digits`.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import final

from ...catalog import DATASETS
from ...core.errors import UnknownName
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..folders.files import find_folder
from .path_kind import kind, lies_at

NAMED = 5  # of the classes, so many are named


@final
@dataclass(frozen=True)
class Told(AbstractDataset):
    """A data set that was named by a path alone: `said` stands in its note, with the classes that were found."""

    dataset: AbstractDataset
    said: str

    def image_shape(self) -> tuple[int, int, int] | None:
        return self.dataset.image_shape()

    def load(self, inputs: InputSpec) -> Splits:
        splits = self.dataset.load(inputs)
        names = ", ".join(splits.classes[:NAMED]) + " …" * (len(splits.classes) > NAMED)
        found = f": {len(splits.classes):,} classes ({names})" if splits.classes else ""
        return dataclasses.replace(splits, note=f"{self.said}{found}. {splits.note}".strip())


def named_dataset(spec: str | AbstractDataset) -> AbstractDataset:
    """The data set that a spec or a path names; a data set comes back as it is.

    Raises UnknownName, BadOption, and BadData for a path that leads to no images.
    """
    if not isinstance(spec, str) or re.split("[:,]", spec, maxsplit=1)[0] in DATASETS:
        return DATASETS.build(spec)
    path = spec if lies_at(spec) else spec.partition(",")[0]
    place = lies_at(path)
    if place is None:
        return _component(spec)
    noun, why = kind(place, path)
    return Told(DATASETS.build(f"{noun}:{spec}"), f"Read as {noun}:{path}, as it {why}")


def _component(spec: str) -> AbstractDataset:
    """A class of the user's own by its dotted path. Raises UnknownName, or BadData where a path was meant."""
    if "/" in spec:
        find_folder(spec, "", "imagefolder")
    try:
        return DATASETS.build(spec)
    except UnknownName as error:
        raise UnknownName(f"{error} Nor is there a folder or a file {spec!r}: type --data FOLDER.") from error
