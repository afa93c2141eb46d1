"""A float network's file as the network to start from: what every format of it has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...core.errors import BadModel
from ...core.foreign import foreign
from ...core.image import InputSpec
from ...core.pixels import merged, stated_of
from ...core.preprocess import from_pixel_record
from ..model import AbstractModel


@dataclass(frozen=True)
class AbstractFloatFile(AbstractModel):
    """`path` is the file. The others (core/pixels.py) are for a file that does not carry them: of another tool."""

    path: str = ""
    mean: str = ""
    std: str = ""
    channels: str = ""
    fit: str = ""
    has_weights = True
    format: ClassVar[str]  # before the path in a model's name, as onnx:path/to/model.onnx

    @abstractmethod
    def declared(self) -> tuple[tuple[int, int, int], Mapping[str, Any]]:
        """(C, H, W), and what the file says of its pixels, as `pixel_record`; empty for nothing. Raises BadModel."""

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        with foreign(self.path, f"a float .{self.format}", BadModel):
            shape, record = self.declared()
            told = {"mean", "std"} <= record.keys()
        with foreign(self.path, f"a float .{self.format} of edgequant's", BadModel):
            spec = from_pixel_record(shape, record) if told else InputSpec(*shape, mean=(), std=())
        return merged(spec, stated_of(self), self.path)
