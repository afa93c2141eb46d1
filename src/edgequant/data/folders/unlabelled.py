"""A folder of images without labels: enough to calibrate on, and to compare a file with its float twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from ...core.errors import BadData, BadOption
from ...core.image import InputSpec
from ..dataset import AbstractDataset, Splits
from ..decode import check_channels
from ..splits import fingerprint
from .content import content_digests
from .files import FolderSplit, check_size, find_folder
from .tree import SUFFIXES, Tree, walk


@final
@dataclass(frozen=True)
class Images(AbstractDataset):
    """Unlabelled image files, at any depth: one pool that serves calibration and validation. No test split, no class.

    `size` and `channels` say what a network without an input size of its own is to take.
    """

    path: str = ""
    size: int = 0
    channels: int = 3
    root: str = ""

    def __post_init__(self) -> None:
        if self.size < 0 or self.channels not in (1, 3):
            raise BadOption(
                "images takes a size of at least 0 and channels of 1 or 3."
                f" Got size={self.size}, channels={self.channels}."
            )

    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, size, size) where a size was asked for; the files themselves have one each."""
        return (self.channels, self.size, self.size) if self.size else None

    def load(self, inputs: InputSpec) -> Splits:
        """Raises BadData for a missing or empty folder; `take` does so for a damaged image."""
        check_channels(inputs)
        check_size(self.size, inputs)
        base = find_folder(self.path, self.root, "images")
        tree = walk(base)
        if not tree.images:
            raise BadData(
                f"{base} has no image. Expected {', '.join(SUFFIXES)} files in it. {tree.left_out.note}".rstrip()
            )
        pool = FolderSplit(base, tree.images, None, np.arange(len(tree.images)), inputs)
        digest = fingerprint(*tree.images, *content_digests(base, tree.images))
        return Splits((), pool, pool, None, digest, " ".join(filter(None, (_said(tree), tree.left_out.note))))


def _said(tree: Tree) -> str:
    deeper = sum("/" in name for name in tree.images)
    folders = f" {deeper:,} of {len(tree.images):,} images lie in sub-folders, whose names were not taken for labels."
    return "No labels: accuracy cannot be measured. The same images serve calibration and validation." + folders * (
        deeper > 0
    )
