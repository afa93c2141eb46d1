"""A float .onnx, of this tool or of any exporter, as the network to start from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from torch import nn

from ..core.errors import BadModel
from ..core.interfaces import AbstractModel
from ..core.records import InputSpec
from .pixels import with_pixels

HOW = "mean=0,std=0.00392156862745098 for a network that sees 0..255, mean=0.5,std=0.5 for -1..1"


@final
@dataclass(frozen=True)
class Onnx(AbstractModel):
    """`path` is the file. `mean` and `std` (of pixels / 255, as `0.5` or `0.485:0.456:0.406`) are for a file that
    does not carry them: one that another tool made.
    """

    path: str = ""
    mean: str = ""
    std: str = ""
    has_weights = True

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        from .onnx_network import image_shape as shape_of

        model = self._load()
        record: dict[str, Any] = {}
        for entry in model.metadata_props:
            if entry.key == "edgequant":
                record = json.loads(entry.value)
        if not record and not (self.mean and self.std):
            raise BadModel(
                f"{self.path} does not say how pixels become what it takes. Give mean= and std= of pixels / 255:"
                f" onnx:{self.path},{HOW}."
            )
        kept: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k in KEPT}
        channels, height, width = shape_of(model, self.path)
        return with_pixels(InputSpec(channels, height, width, **kept), self.mean, self.std, self.path)

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        from .onnx_network import OnnxNetwork

        return OnnxNetwork(self._load(), self.path)

    def _load(self) -> Any:
        import onnx

        path = Path(self.path).expanduser()
        if not path.is_file():
            raise BadModel(f"There is no file {self.path!r}. Write onnx:path/to/model.onnx.")
        try:
            return onnx.load_model(str(path))
        except Exception as error:  # protobuf's errors have no common public base
            said = " ".join(str(error).split())[:120].rstrip(".")
            raise BadModel(f"{path} is not an ONNX model, or it is cut short: {said}. Write it again.") from error


KEPT = ("mean", "std", "resize", "interpolation")
