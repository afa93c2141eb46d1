"""The images that a finished file is judged on."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import BadData
from ..core.image import InputSpec
from ..data.dataset import AbstractDataset, AbstractSplit
from ..data.draw import drawn
from ..data.named.named_data import named_dataset


@dataclass(frozen=True)
class Images:
    split: AbstractSplit
    name: str  # "test", or "validation" where there is no test split
    classes: tuple[str, ...]
    note: str  # how the data set was read and cut


def split_of(data_spec: str, inputs: InputSpec, count: int = 0) -> Images:
    """All of them, or a class-balanced draw of `count`. Raises BadData, UnknownName, BadOption."""
    dataset: AbstractDataset = named_dataset(data_spec)
    splits = dataset.load(inputs)
    whole, name = (splits.validation, "validation") if splits.test is None else (splits.test, "test")
    if count < 0 or not len(whole):
        raise BadData(
            f"Expected at least one image. Got {len(whole)} in the {name} split of {data_spec}, and a count of {count}."
        )
    return Images(drawn(whole, count), name, splits.classes, splits.note)
