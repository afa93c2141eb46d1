"""A float .tflite, of this tool or of anyone, as the network to start from.

Its operators become steps of the canonical program (read.py), its layers keep the names of their tensors. What it
holds is folded and fused already, so it is quantized, simulated and lowered as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from torch import nn

from ...core.errors import BadModel
from ...core.image import InputSpec
from ...graph.capture.judge import Judge
from ...models.sources.float_file import AbstractFloatFile

FLOATS = ("float32", "float16")


@final
@dataclass(frozen=True)
class TFLiteModel(AbstractFloatFile):
    """Float operators, with float32 or float16 weights; see the module."""

    format: ClassVar[str] = "tflite"

    def declared(self) -> tuple[tuple[int, int, int], Mapping[str, Any]]:
        from ..tflite.graph import load_graph
        from ..tflite.read.read import image_shape

        graph = load_graph(self._file())
        return image_shape(graph), graph.metadata

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        from ..tflite.read.read import read_reference

        reference = read_reference(self._file(), inputs.mean, inputs.std)
        if reference.kind not in FLOATS:
            raise BadModel(
                f"{self.path} is quantized already ({reference.recipe}); a network to start from is a float one."
                " Give the float .tflite it was made of; evaluate, parity, benchmark and inspect take this file."
            )
        return reference.captured.network

    def judge(self, module: nn.Module, inputs: InputSpec) -> Judge:  # noqa: ARG002
        from .judge import LiteRTJudge

        return LiteRTJudge(self._file(), inputs)

    def _file(self) -> Path:
        if not self.path:
            raise BadModel("tflite needs a file. Write tflite:path/to/model.tflite.")
        return Path(self.path).expanduser()
