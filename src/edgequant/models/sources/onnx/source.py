"""A float .onnx, of this tool or of any exporter, as the network to start from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from torch import nn

from ....core.errors import BadModel
from ....core.foreign import foreign
from ....core.image import InputSpec
from ....graph.capture.judge import Judge
from ..float_file import AbstractFloatFile


@final
@dataclass(frozen=True)
class Onnx(AbstractFloatFile):
    """Read with protobuf; its nodes become modules and functions that torch.export captures."""

    format: ClassVar[str] = "onnx"

    def declared(self) -> tuple[tuple[int, int, int], Mapping[str, Any]]:
        from .network import image_shape

        model = self._load()
        texts = [entry.value for entry in model.metadata_props if entry.key == "edgequant"]
        return image_shape(model, self.path), json.loads(texts[-1]) if texts else {}

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        from .network import OnnxNetwork, sized

        with foreign(self.path, "a float ONNX model", BadModel):
            return OnnxNetwork(sized(self._load(), inputs.shape, self.path), self.path)

    def judge(self, module: nn.Module, inputs: InputSpec) -> Judge:
        from .judge import judge_of

        return judge_of(self.path, module, inputs)

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
