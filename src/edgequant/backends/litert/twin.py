"""The integer twin of a file: what its kernels must answer, computed without them."""

from __future__ import annotations

import warnings

import torch
from torch import nn

from ...core.arrays import Array, Outputs
from ...quantization.simulation.arithmetic import Pick
from ...quantization.simulation.executor import IntegerExecutor
from ...quantization.simulation.kernels.pick import arithmetic_for
from ...quantization.simulation.kernels.xnnpack import to_grid
from ...quantization.simulation.simulate import reals
from ..tflite.read.read import Imported
from .session import Session


def open_named(imported: Imported, preserve: bool = False) -> Session:
    """A session of the file in which its tensors go by the imported program's names."""
    with warnings.catch_warnings():  # LiteRT warns of the memory that preserving takes; whoever asks for it knows
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        session = Session(imported.graph.path, preserve=preserve)
    session.names = imported.names
    return session


class Twin(nn.Module):
    """float32 `(N, C, H, W)` normalised images in; the integers of the file's outputs by name out, or its floats.

    A file that takes floats rounds them by an operator of its own, not as its caller would: so does this.
    """

    def __init__(self, imported: Imported) -> None:
        super().__init__()
        program = imported.reference.captured.program
        self.pick: Pick = arithmetic_for(open_named(imported).delegated())
        self.executor = IntegerExecutor(imported.reference, self.pick)
        self.entry = imported.reference.activations[program.input] if imported.quantizes_input else None

    def entered(self, x: torch.Tensor) -> torch.Tensor:
        """`x` as the file's first operator rounds it: reals whose integers are the file's, however they are rounded.

        QUANTIZE multiplies by the scale's reciprocal and takes ties to even, delegated or not (as measured).
        """
        if self.entry is None:
            return x
        p = self.entry
        return (torch.clamp(to_grid(x, p) + p.zero_point, p.low, p.high) - p.zero_point) * p.scale

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        result: dict[str, torch.Tensor] = self.executor(self.entered(x))
        return result

    def outputs(self, inputs: Array) -> Outputs:
        """The same as an app reads them: float32."""
        made = reals(self.executor.reference, self(torch.from_numpy(inputs)))
        return {name: value.numpy() for name, value in made.items()}
