"""A .tflite beside the arithmetic that it should follow: what its kernels must answer, computed without them."""

from __future__ import annotations

import warnings
from typing import final

import torch

from ...core.arrays import Array, Outputs
from ...quantization.simulation.arithmetic import Pick
from ...quantization.simulation.executor import IntegerExecutor
from ...quantization.simulation.kernels.pick import arithmetic_for
from ...quantization.simulation.kernels.xnnpack import to_grid
from ...quantization.simulation.simulate import reals, simulator
from ..contract import AbstractMirror
from ..tflite.read.read import Imported
from .session import Session


def open_named(imported: Imported, preserve: bool = False) -> Session:
    """A session of the file in which its tensors go by the imported program's names."""
    with warnings.catch_warnings():  # LiteRT warns of the memory that preserving takes; whoever asks for it knows
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors")
        session = Session(imported.graph.path, preserve=preserve)
    session.names = imported.names
    return session


@final
class Mirror(AbstractMirror):
    """Of any file that can be read: the executor where it is static, else the simulation in float.

    A file that takes floats rounds them by an operator of its own, not as its caller would: so does this.
    """

    def __init__(self, imported: Imported) -> None:
        self.imported, self.reference = imported, imported.reference
        static, session = self.reference.kind == "static", open_named(imported)
        self.pick: Pick = arithmetic_for(session.delegated() if static else session.delegated_floats())
        make = IntegerExecutor if static else simulator
        self._network: torch.nn.Module = make(self.reference, self.pick)

    def run_quantized(self, inputs: Array) -> Outputs:
        """Integers as float32 numbers; what the file gives as floats, as it is."""
        return _arrays(self._made(inputs))

    def run(self, inputs: Array) -> Outputs:
        made = self._made(inputs)
        return _arrays(reals(self.reference, made) if self.reference.kind == "static" else made)

    def _made(self, inputs: Array) -> dict[str, torch.Tensor]:
        with torch.inference_mode():
            made: dict[str, torch.Tensor] = self._network(torch.from_numpy(self.entered(inputs)))
        return made

    def entered(self, inputs: Array) -> Array:
        """Reals whose integers are the file's, however they are rounded.

        QUANTIZE multiplies by the scale's reciprocal and takes ties to even, delegated or not (as measured).
        """
        p = self.reference.activations.get(self.reference.captured.program.input)
        if p is None or not self.imported.quantizes_input:
            return inputs
        steps = torch.clamp(to_grid(torch.from_numpy(inputs), p) + p.zero_point, p.low, p.high)
        rounded: Array = ((steps - p.zero_point) * p.scale).numpy()
        return rounded

    def integers(self, inputs: Array) -> dict[str, Array]:
        return open_named(self.imported, preserve=True).run_all(inputs)


def _arrays(made: dict[str, torch.Tensor]) -> Outputs:
    return {name: value.numpy() for name, value in made.items()}
