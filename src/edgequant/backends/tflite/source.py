"""A float .tflite, of this tool or of anyone, as the network to start from.

Its operators become steps of the canonical program (read.py), its layers keep the names of their tensors. What it
holds is folded and fused already, so it is quantized, simulated and lowered as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from torch import nn

from ...core.errors import BadModel, BadOption
from ...core.interfaces import AbstractModel
from ...core.records import InputSpec

FLOATS = ("float32", "float16")


@final
@dataclass(frozen=True)
class TFLiteModel(AbstractModel):
    """`path` is the file. `mean` and `std` (of pixels / 255, as `0.5` or `0.485:0.456:0.406`) are for a file that
    does not carry them: one that another tool made.
    """

    path: str = ""
    mean: str = ""
    std: str = ""
    has_weights = True

    def inputs(self, image_shape: tuple[int, int, int] | None) -> InputSpec:  # noqa: ARG002
        from .file_graph import load_graph
        from .read import input_spec

        graph = load_graph(self._file())
        if not graph.metadata and not (self.mean and self.std):
            raise BadModel(
                f"{self.path} does not say how pixels become what it takes. Give mean= and std= of pixels / 255:"
                f" tflite:{self.path},mean=0,std=0.00392156862745098 for a network that sees 0..255, mean=0.5,std=0.5"
                " for -1..1."
            )
        return input_spec(graph, _numbers("mean", self.mean), _numbers("std", self.std))

    def build(self, inputs: InputSpec, classes: int) -> nn.Module:  # noqa: ARG002
        from .read import read_reference

        reference = read_reference(self._file(), inputs.mean, inputs.std)
        if reference.kind not in FLOATS:
            raise BadModel(
                f"{self.path} is quantized already ({reference.recipe}); a network to start from is a float one."
                " Give the float .tflite it was made of; evaluate, parity, benchmark and inspect take this file."
            )
        return reference.captured.network

    def _file(self) -> Path:
        if not self.path:
            raise BadModel("tflite needs a file. Write tflite:path/to/model.tflite.")
        return Path(self.path).expanduser()


def _numbers(name: str, text: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(part) for part in text.split(":")) if text else None
    except ValueError as error:
        raise BadOption(
            f"The model's {name} is numbers, one or one a channel. Got {text!r}. Write {name}=0.5:0.5:0.5."
        ) from error
