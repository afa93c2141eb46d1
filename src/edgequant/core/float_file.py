"""A float network's file as the network to start from: what every format of it has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .errors import BadModel
from .foreign import foreign
from .interfaces import AbstractModel
from .pixels import with_pixels
from .preprocess import from_pixel_record
from .records import InputSpec


@dataclass(frozen=True)
class AbstractFloatFile(AbstractModel):
    """`path` is the file. `mean` and `std` (of pixels / 255, as `0.5` or `0.485:0.456:0.406`) are for a file that
    does not carry them: one that another tool made.
    """

    path: str = ""
    mean: str = ""
    std: str = ""
    has_weights = True
    format: ClassVar[str]  # before the path in a model's name, as onnx:path/to/model.onnx

    @abstractmethod
    def declared(self) -> tuple[tuple[int, int, int], Mapping[str, Any]]:
        """(C, H, W), and what edgequant wrote of the pixels; empty in a file of another tool. Raises BadModel."""

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        with foreign(self.path, f"a float .{self.format}", BadModel):
            shape, record = self.declared()
            told = {"mean", "std"} <= record.keys()
        if not told and not (self.mean and self.std):
            raise BadModel(
                f"{self.path} does not say how pixels become what it takes. Give mean= and std= of pixels / 255:"
                f" {self.format}:{self.path},mean=0,std=0.00392156862745098 for a network that sees 0..255,"
                " mean=0.5,std=0.5 for -1..1."
            )
        with foreign(self.path, f"a float .{self.format} of edgequant's", BadModel):
            spec = from_pixel_record(shape, record) if told else InputSpec(*shape)
        return with_pixels(spec, self.mean, self.std, self.path)
